"""The codec: published synthetic errors, published target counts, round trips and mirror symmetry."""

import itertools
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.contract.arrays import DoubleArray, FloatArray
from model.contract.codec import Alignment, Centre, Decoder, HeatmapCodec

ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)


def codec(
    alignment: Alignment = "half_pixel", centre: Centre = "exact", decoder: Decoder = "dark", big: bool = False
) -> HeatmapCodec:
    beta = 160.0 if decoder == "soft_argmax" else None
    if big:
        return HeatmapCodec((288, 384), (72, 96), 3.0, alignment, centre, decoder, beta)
    return HeatmapCodec((192, 256), (48, 64), 2.0, alignment, centre, decoder, beta)


def random_points(count: int, seed: int = 0, margin: float = 40.0) -> DoubleArray:
    """(count, 2) crop pixels, away from the border."""
    return np.random.default_rng(seed).uniform(margin, (191 - margin, 255 - margin), (count, 2))


def errors(of: HeatmapCodec, points: DoubleArray, noise: float = 0.0) -> DoubleArray:
    """Distance in heatmap pixels after encode, uniform noise in +-`noise`, decode."""
    maps, weights = of.encode(points, np.ones(len(points), dtype=np.bool_))
    assert (weights == 1).all()
    noisy = maps + np.random.default_rng(5).uniform(-noise, noise, maps.shape)
    decoded, _ = of.decode(noisy[None].astype(np.float32))
    stride = np.array(of.to_crop(np.ones(2))) - of.to_crop(np.zeros(2))
    return np.linalg.norm((decoded[0] - points) / stride, axis=1)


@pytest.mark.parametrize(
    ("decoder", "noise", "published", "tolerance"),
    [
        ("argmax", 0.0, 0.376, 0.02),
        ("quarter", 0.0, 0.186, 0.015),
        ("dark", 0.0, 0.0002, 0.0005),
        ("argmax", 0.05, 0.426, 0.02),
        ("quarter", 0.05, 0.253, 0.015),
        ("dark", 0.05, 0.031, 0.004),
        ("soft_argmax", 0.0, 0.325, 0.015),
    ],
)
def test_published_decoding_errors(decoder: Decoder, noise: float, published: float, tolerance: float) -> None:
    found = errors(codec(decoder=decoder), random_points(800), noise).mean()
    assert found == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("big", [False, True])
def test_dark_round_trip_in_crop_pixels(alignment: Alignment, big: bool) -> None:
    of, points = codec(alignment, big=big), random_points(200)
    maps, _ = of.encode(points, np.ones(200, dtype=np.bool_))
    decoded, scores = of.decode(maps[None])
    assert np.median(np.abs(decoded[0] - points)) <= 0.1
    assert np.abs(decoded[0] - points).max() <= 0.1
    assert scores[0].min() > 0.9


@pytest.mark.parametrize(("alignment", "decoder"), list(itertools.product(ALIGNMENTS, ["argmax", "quarter"])))
def test_rounded_centres_come_back_within_half_a_heatmap_pixel(alignment: Alignment, decoder: Decoder) -> None:
    worst = 0.5 + (0.25 if decoder == "quarter" else 0.0)
    distance = errors(codec(alignment, "rounded", decoder), random_points(200))
    assert distance.max() <= worst * np.sqrt(2) + 1e-6


@pytest.mark.parametrize(("big", "window", "positive"), [(False, 169, 113), (True, 361, 261)])
def test_rounded_targets_have_the_published_sizes(big: bool, window: int, positive: int) -> None:
    """FasterPose's Table 1: 113 of 3072 and 261 of 6912 pixels lie above 0.01."""
    of = codec("stride", "rounded", big=big)
    maps, _ = of.encode(np.array([[101.3, 122.8]]), np.array([True]))
    assert np.count_nonzero(maps) == window
    assert np.count_nonzero(maps > 0.01) == positive
    assert maps.max() == 1.0


def test_rounded_target_golden() -> None:
    """Centre int(joint / stride + 0.5), value exp(-d^2 / (2 sigma^2)), as SimpleBaseline."""
    maps, weights = codec("stride", "rounded").encode(np.array([[101.9, 122.0]]), np.array([True]))
    row, column = divmod(int(maps[0].argmax()), 48)
    assert (column, row) == (int(101.9 / 4 + 0.5), int(122 / 4 + 0.5))
    assert maps[0, row, column + 2] == pytest.approx(np.exp(-0.5))
    assert maps[0, row + 6, column] == pytest.approx(np.exp(-4.5))
    assert maps[0, row + 7, column] == 0
    assert weights.tolist() == [1.0]


def test_unlabelled_and_far_keypoints_have_no_target() -> None:
    of = codec("stride", "rounded", "argmax")
    points = np.array([[100.0, 100.0], [100.0, 100.0], [-40.0, 100.0], [-23.0, 100.0], [96.0, 600.0], [213.0, 100.0]])
    maps, weights = of.encode(points, np.array([False, True, True, True, True, True]))
    assert weights.tolist() == [0, 1, 0, 1, 0, 1]
    assert (maps[weights == 0] == 0).all()
    assert (maps[weights == 1].reshape(3, -1).max(axis=1) > 0).all()


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@given(x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_alignments_map_both_ways(alignment: Alignment, x: float, y: float) -> None:
    of, point = codec(alignment), np.array([x, y])
    np.testing.assert_allclose(of.to_crop(of.to_heatmap(point)), point, atol=1e-9)


def test_alignment_golden() -> None:
    np.testing.assert_allclose(codec("stride").to_heatmap(np.array([100.0, 40.0])), [25, 10])
    np.testing.assert_allclose(codec("half_pixel").to_heatmap(np.array([1.5, 1.5])), [0, 0])
    np.testing.assert_allclose(codec("half_pixel").to_heatmap(np.array([95.5, 127.5])), [23.5, 31.5])
    np.testing.assert_allclose(codec("udp").to_heatmap(np.array([191.0, 255.0])), [47, 63])


@pytest.mark.parametrize(("alignment", "lag"), [("half_pixel", 0.0), ("udp", 0.0), ("stride", 0.75)])
def test_how_far_a_mirrored_heatmap_lags(alignment: Alignment, lag: float) -> None:
    """The UDP paper's algebra: only `stride` needs a shift in the flip test."""
    of, x = codec(alignment), 60.0
    plain = of.to_heatmap(np.array([x, 0.0]))[0]
    turned_back = 47 - of.to_heatmap(np.array([191 - x, 0.0]))[0]
    assert plain - turned_back == pytest.approx(lag)


@pytest.mark.parametrize("centre", get_args(Centre))
def test_half_pixel_targets_are_mirror_symmetric(centre: Centre) -> None:
    of = codec("half_pixel", centre)
    points = random_points(50, seed=3)
    labelled = np.ones(50, dtype=np.bool_)
    maps, _ = of.encode(points, labelled)
    mirrored, _ = of.encode(np.column_stack([191 - points[:, 0], points[:, 1]]), labelled)
    np.testing.assert_allclose(mirrored[..., ::-1], maps, atol=1e-6)


@pytest.mark.parametrize("decoder", [name for name in get_args(Decoder) if name != "argmax"])
def test_half_pixel_decoding_is_mirror_symmetric(decoder: Decoder) -> None:
    of = codec("half_pixel", decoder=decoder)
    maps, _ = of.encode(random_points(50, seed=4), np.ones(50, dtype=np.bool_))
    plain, _ = of.decode(maps[None])
    turned, _ = of.decode(np.ascontiguousarray(maps[None, ..., ::-1]))
    np.testing.assert_allclose(191 - turned[..., 0], plain[..., 0], atol=1e-3)
    np.testing.assert_allclose(turned[..., 1], plain[..., 1], atol=1e-3)


@pytest.mark.parametrize("decoder", get_args(Decoder))
def test_peaks_at_the_border_stay_on_it(decoder: Decoder) -> None:
    of = codec("stride", decoder=decoder)
    maps = np.zeros((1, 4, 64, 48), dtype=np.float32)
    corners = [(0, 0), (0, 47), (63, 0), (63, 47)]
    for joint, (row, column) in enumerate(corners):
        maps[0, joint, row, column] = 0.7
    points, scores = of.decode(maps)
    np.testing.assert_allclose(points[0], [(4 * column, 4 * row) for row, column in corners], atol=1e-9)
    np.testing.assert_allclose(scores, 1.0 if decoder == "integral" else 0.7)


@pytest.mark.parametrize("decoder", get_args(Decoder))
@pytest.mark.parametrize("size", [1e-4, 1.0])
def test_noise_never_throws_a_keypoint_out_of_the_crop(decoder: Decoder, size: float) -> None:
    of = codec(decoder=decoder)
    maps = (np.random.default_rng(0).random((4, 17, 64, 48)) * size).astype(np.float32)
    points, scores = of.decode(maps)
    reach = 4 * 6.0
    assert np.isfinite(points).all()
    assert points.min() >= -reach
    assert (points <= np.array([191 + reach, 255 + reach])).all()
    assert scores.dtype == np.float32
    if decoder != "integral":
        np.testing.assert_array_equal(scores, maps.reshape(4, 17, -1).max(axis=-1))


@pytest.mark.parametrize("decoder", get_args(Decoder))
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_maps_decode_to_a_finite_point(decoder: Decoder, value: float) -> None:
    points, scores = codec(decoder=decoder).decode(np.full((1, 2, 64, 48), value, dtype=np.float32))
    assert np.isfinite(points).all()
    assert (scores == (np.float32(12 * 12 / 3072) if decoder == "integral" else value)).all()


def test_nobody_decodes_to_nothing() -> None:
    empty: FloatArray = np.zeros((0, 17, 64, 48), dtype=np.float32)
    for decoder in get_args(Decoder):
        points, scores = codec(decoder=decoder).decode(empty)
        assert points.shape == (0, 17, 2)
        assert scores.shape == (0, 17)


def test_people_are_decoded_independently() -> None:
    of = codec()
    maps, _ = of.encode(random_points(34), np.ones(34, dtype=np.bool_))
    pair = maps.reshape(2, 17, 64, 48)
    together, _ = of.decode(pair)
    alone, _ = of.decode(pair[1:])
    np.testing.assert_array_equal(together[1:], alone)


@pytest.mark.parametrize(("field", "value"), [("alignment", "none"), ("centre", "x"), ("decoder", "softmax")])
def test_unknown_choices_are_refused_by_name(field: str, value: str) -> None:
    choices = {"alignment": "stride", "centre": "exact", "decoder": "dark", field: value}
    with pytest.raises(ValueError, match=f"codec {field} is '{value}'"):
        HeatmapCodec((192, 256), (48, 64), 2.0, **choices)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_sigma_must_be_positive(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma"):
        HeatmapCodec((192, 256), (48, 64), sigma, "stride", "exact", "dark")


@pytest.mark.parametrize("beta", [None, 0.0, -1.0, float("nan")])
def test_soft_argmax_needs_a_positive_beta(beta: float | None) -> None:
    with pytest.raises(ValueError, match=f"codec beta is {beta}; soft_argmax needs a positive one"):
        HeatmapCodec((192, 256), (48, 64), 2.0, "stride", "exact", "soft_argmax", beta)


@pytest.mark.parametrize("decoder", [name for name in get_args(Decoder) if name != "soft_argmax"])
def test_no_other_decoder_takes_a_beta(decoder: Decoder) -> None:
    with pytest.raises(ValueError, match=f"codec beta is 160; decoder {decoder} takes none"):
        HeatmapCodec((192, 256), (48, 64), 2.0, "stride", "exact", decoder, 160)


@pytest.mark.parametrize(("radius", "worst"), [(3.5, 0.15), (4.53, 0.2), (6.0, 0.25)])
def test_blurred_finds_the_middle_of_a_plateau(radius: float, worst: float) -> None:
    """Heatmap pixels; the highest pixel alone is the plateau's first."""
    centres = np.random.default_rng(2).uniform((12, 12), (36, 52), (60, 2))
    rows, columns = np.mgrid[:64, :48]
    away = np.hypot(columns - centres[:, 0, None, None], rows - centres[:, 1, None, None])
    disks = (away < radius).astype(np.float32)[None]
    of, plain = codec(decoder="blurred"), codec(decoder="dark")
    assert np.linalg.norm(of.to_heatmap(of.decode(disks)[0][0]) - centres, axis=1).mean() <= worst
    assert np.linalg.norm(plain.to_heatmap(plain.decode(disks)[0][0]) - centres, axis=1).mean() > 0.5
