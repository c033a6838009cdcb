import numpy as np
import pytest

from model.contract.arrays import DoubleArray, FloatArray
from model.contract.codec import HeatmapCodec
from model.contract.expectation import centre_of_mass, mass_around, soft_argmax


def some_maps(seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).random((2, 3, 12, 9)).astype(np.float32)


def mean_place(weights: DoubleArray) -> list[float]:
    """Expected x and y, pixel by pixel in float64."""
    total = sum(weights.flat)
    places = [(value * x, value * y) for (y, x), value in np.ndenumerate(weights)]
    return [sum(place[axis] for place in places) / total for axis in range(2)]


@pytest.mark.parametrize("beta", [1.0, 20.0, 160.0])
def test_soft_argmax_is_the_softmaxs_mean(beta: float) -> None:
    maps = some_maps()
    expected = [[mean_place(np.exp(beta * joint.astype(np.float64))) for joint in person] for person in maps]
    np.testing.assert_allclose(soft_argmax(maps, beta), expected, atol=1e-4)


def test_soft_argmax_of_large_values_does_not_overflow() -> None:
    maps = some_maps() * 1e4
    flat = maps.reshape(2, 3, -1).argmax(axis=-1)
    np.testing.assert_allclose(soft_argmax(maps, 160), np.stack([flat % 9, flat // 9], axis=-1), atol=1e-3)


def test_the_centre_of_mass_is_the_mean_whatever_the_scale() -> None:
    maps = some_maps()
    expected = [[mean_place(joint.astype(np.float64)) for joint in person] for person in maps]
    np.testing.assert_allclose(centre_of_mass(maps), expected, atol=1e-5)
    np.testing.assert_allclose(centre_of_mass(maps * np.float32(1e-3)), expected, atol=1e-5)


def test_negative_values_weigh_nothing_and_an_empty_map_has_its_middle() -> None:
    maps = np.full((1, 2, 12, 9), -1.0, dtype=np.float32)
    maps[0, 0, 3, 7] = 0.25
    np.testing.assert_allclose(centre_of_mass(maps)[0], [(7, 3), (4, 5.5)])


def test_the_mass_of_a_square() -> None:
    maps = np.zeros((1, 1, 12, 9), dtype=np.float32)
    maps[0, 0, 3, 7], maps[0, 0, 3, 5], maps[0, 0, 9, 7] = 0.5, 0.25, 0.25
    masses = [mass_around(maps, np.array([[[7.0, 3.0]]]), reach).item() for reach in (0.5, 2.0, 6.0)]
    assert masses == pytest.approx([0.5, 0.75, 1.0])


def test_integral_finds_distributions_between_pixels_and_knows_how_wide_they_are() -> None:
    codec = HeatmapCodec((192, 256), (48, 64), 2.0, "half_pixel", "exact", "integral")
    points = np.random.default_rng(1).uniform((40, 40), (150, 210), (50, 2))
    maps, _ = codec.encode(points, np.ones(50, dtype=np.bool_))
    distributions = maps / maps.sum(axis=(1, 2), keepdims=True)
    found, scores = codec.decode(distributions[None].astype(np.float32))
    np.testing.assert_allclose(found[0], points, atol=1e-2)
    assert scores.min() > 0.98
    _, unsure = codec.decode(np.full((1, 1, 64, 48), 1 / 3072, dtype=np.float32))
    assert float(unsure[0, 0]) < 0.06


def test_udp_refines_up_to_the_last_pixel_but_one() -> None:
    codec = HeatmapCodec((192, 256), (48, 64), 2.0, "udp", "exact", "udp")
    points = codec.to_crop(np.array([[20.3, 30.6], [1.3, 30.6], [45.8, 61.7]]))
    maps, _ = codec.encode(points, np.ones(3, dtype=np.bool_))
    found = codec.to_heatmap(codec.decode(maps[None])[0])[0]
    np.testing.assert_allclose(found[0], (20.3, 30.6), atol=1e-3)
    assert (np.abs(found[1:] % 1) > 0.01).all()


def test_udp_does_not_refine_what_is_below_its_range() -> None:
    codec = HeatmapCodec((192, 256), (48, 64), 2.0, "udp", "exact", "udp")
    maps, _ = codec.encode(codec.to_crop(np.array([[20.3, 30.6]])), np.ones(1, dtype=np.bool_))
    found = codec.to_heatmap(codec.decode(maps[None] * np.float32(1e-4))[0])[0, 0]
    np.testing.assert_allclose(found, (20, 31), atol=1e-9)
