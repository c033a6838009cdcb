"""Integral regression and DSNT: positions of the targets, values and gradients against their formulas in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor

from model.contract.codec import HeatmapCodec
from model.integral import DsntLoss, IntegralLoss, expected_positions, gaussian_centres, jensen_shannon

WEIGHTS = torch.tensor([[1.0, 0.5, 0.0]])


def gaussians(points: np.ndarray, sigma: float = 2.0) -> Tensor:
    """(1, N, 64, 48) targets with centres at (N, 2) heatmap pixels."""
    codec = HeatmapCodec((192, 256), (48, 64), sigma, "half_pixel", "exact", "argmax")
    return torch.from_numpy(codec.encode(codec.to_crop(points), np.ones(len(points), dtype=np.bool_))[0][None])


CENTRES = np.array([[20.3, 31.6], [3.2, 60.1], [40.0, 10.5]])


def some_logits() -> Tensor:
    return 3 * torch.randn(1, 3, 64, 48, generator=torch.Generator().manual_seed(2))


def evaluate(loss: torch.nn.Module, logits: Tensor, targets: Tensor, weights: Tensor) -> tuple[float, Tensor]:
    """Value and gradient in float32."""
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, targets, weights)
    return float(value.detach()), torch.autograd.grad(value, leaf)[0]


def moments(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Softmax (N, h * w), pixel positions (h * w, 2), expected positions (N, 2), float64."""
    p = logits.double().flatten(2).softmax(dim=2)[0]
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(48), indexing="ij")
    places = torch.stack([columns.flatten(), rows.flatten()], dim=1).double()
    return p, places, p @ places


@settings(max_examples=50)
@given(x=st.floats(-5, 52), y=st.floats(-5, 68), sigma=st.sampled_from([1.0, 1.5, 2.0, 3.0]))
def test_centres_are_read_off_the_targets_even_outside_the_map(x: float, y: float, sigma: float) -> None:
    reach = 3 * sigma - 0.5
    centre = np.clip(np.array([[x, y]]), -reach, np.array([47, 63]) + reach)
    found = gaussian_centres(gaussians(centre, sigma))[0].numpy()
    np.testing.assert_allclose(found, centre, atol=2e-3)


def test_a_map_without_a_keypoint_has_some_centre_and_no_gradient() -> None:
    targets = torch.zeros(1, 3, 64, 48)
    assert bool(gaussian_centres(targets).isfinite().all())
    for loss in (IntegralLoss(), DsntLoss()):
        value, gradient = evaluate(loss, some_logits(), targets, torch.zeros(1, 3))
        assert value == 0
        assert torch.count_nonzero(gradient) == 0


def test_expected_positions_are_the_means() -> None:
    probabilities = torch.zeros(1, 1, 64, 48)
    probabilities[0, 0, 10, 20], probabilities[0, 0, 30, 40] = 0.25, 0.75
    assert expected_positions(probabilities).flatten().tolist() == [35, 25]


def test_integral_value_and_gradient_are_the_formulas() -> None:
    """l = |E - c|_1 and dl/dx_i = p_i sum(sign(E - c) (r_i - E))."""
    logits = some_logits()
    value, gradient = evaluate(IntegralLoss(), logits, gaussians(CENTRES), WEIGHTS)
    p, places, expected = moments(logits)
    away = expected - torch.from_numpy(CENTRES)
    assert value == pytest.approx(float((away.abs().sum(dim=1) * WEIGHTS[0]).mean()), rel=1e-5)
    slope = p * torch.einsum("nd,nid->ni", away.sign(), places[None] - expected[:, None])
    torch.testing.assert_close(gradient.double()[0].flatten(1), slope * WEIGHTS[0][:, None] / 3, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.5])
def test_dsnt_value_and_gradient_are_the_formulas(factor: float) -> None:
    """l = |d| + f JS(p, q), d = 2 (E - c) / size; dJS/dx_i = p_i (g_i - sum(p g)), g = log(p / m) / 2."""
    logits, targets = some_logits(), gaussians(CENTRES)
    value, gradient = evaluate(DsntLoss(factor), logits, targets, WEIGHTS)
    p, places, expected = moments(logits)
    half = torch.tensor([24.0, 32.0], dtype=torch.float64)
    away = (expected - torch.from_numpy(CENTRES)) / half
    q = targets.double()[0].flatten(1)
    q = q / q.sum(dim=1, keepdim=True)
    m = (p + q) / 2
    divergence = 0.5 * ((p * (p / m).log()).sum(dim=1) + torch.xlogy(q, q / m).sum(dim=1))
    expected_value = ((away.norm(dim=1) + factor * divergence) * WEIGHTS[0]).mean()
    assert value == pytest.approx(float(expected_value), rel=1e-5)
    direction = away / away.norm(dim=1, keepdim=True) / half
    slope = p * torch.einsum("nd,nid->ni", direction, places[None] - expected[:, None])
    g = 0.5 * (p / m).log()
    slope = slope + factor * p * (g - (p * g).sum(dim=1, keepdim=True))
    torch.testing.assert_close(gradient.double()[0].flatten(1), slope * WEIGHTS[0][:, None] / 3, rtol=1e-4, atol=1e-8)


def test_a_softmax_that_is_the_target_costs_nothing() -> None:
    """The distance has a kink there, so only the divergence's gradient vanishes."""
    targets = gaussians(np.array([[20.3, 31.6]]))
    logits = targets.clamp_min(1e-30).log()
    assert float(DsntLoss()(logits, targets, torch.ones(1, 1))) == pytest.approx(0, abs=1e-5)
    leaf = logits.flatten(2).requires_grad_()
    (gradient,) = torch.autograd.grad(jensen_shannon(leaf.log_softmax(dim=2), targets.flatten(2)).sum(), leaf)
    assert float(gradient.abs().max()) < 1e-7


def test_the_divergence_of_maps_that_never_meet_is_log_2() -> None:
    targets = gaussians(np.array([[10.0, 10.0]]))
    logits = torch.full_like(targets, -200.0)
    logits[0, 0, 60, 40] = 200.0
    value, gradient = evaluate(DsntLoss(), logits, targets, torch.ones(1, 1))
    distance = np.hypot((40 - 10) / 24, (60 - 10) / 32)
    assert value == pytest.approx(distance + np.log(2), rel=1e-4)
    assert bool(gradient.isfinite().all())


def test_no_negative_regularisation() -> None:
    with pytest.raises(ValueError, match=r"regularisation is -0\.5"):
        DsntLoss(-0.5)
