"""FACTS.md, section 8: the numbers, the gradient, and no saturation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from model.losses import HardKeypointMining, MeanSquaredError, RegressiveCrossEntropy

LOGITS = st.floats(-100, 100, width=32)
TARGETS = st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1, width=32))
GAMMAS = st.sampled_from([0.0, 1.0, 1.5, 2.0])


def evaluate(logit: float, target: float, loss: RegressiveCrossEntropy | None = None) -> tuple[float, float]:
    """Value and gradient of one pixel, in float32."""
    x = torch.full((1, 1, 1, 1), float(logit), requires_grad=True)
    value = (loss or RegressiveCrossEntropy())(x, torch.full((1, 1, 1, 1), float(target)), torch.ones(1, 1))
    (gradient,) = torch.autograd.grad(value, x)
    return value.item(), gradient.item()


def reference(x: float, t: float, loss: RegressiveCrossEntropy) -> tuple[float, float]:
    """The published formulas in float64; 1 - e is summed from positive terms, as a plain subtraction would round."""
    y, rest_of_y = 1 / (1 + math.exp(-x)), 1 / (1 + math.exp(x))
    too_high = y >= t
    e = y - t if too_high else t - y
    rest = rest_of_y + t if too_high else y + (1 - t)
    weight = loss.alpha if t > loss.positive_threshold else 1 - loss.alpha
    value = weight * e**loss.gamma * -math.log(rest)
    power = loss.gamma * e ** (loss.gamma - 1) if loss.gamma and e else loss.gamma if loss.gamma == 1 else 0.0
    slope = power * -math.log(rest) + e**loss.gamma / rest
    return value, weight * float(np.sign(y - t)) * y * rest_of_y * slope


@pytest.mark.parametrize(("logit", "target", "value"), [(0, 0, 0.10397), (0, 1, 0.24260), (0, 0.5, 0), (-30, 0, 0)])
def test_values_are_the_known_ones(logit: float, target: float, value: float) -> None:
    assert evaluate(logit, target)[0] == pytest.approx(value, abs=5e-6)


@pytest.mark.parametrize(("target", "gradient"), [(0, 0.127), (1, -0.296)])
def test_gradients_at_logit_zero_are_the_known_ones(target: float, gradient: float) -> None:
    assert evaluate(0, target)[1] == pytest.approx(gradient, abs=5e-4)


@pytest.mark.parametrize(("logit", "target", "value", "gradient"), [(17, 0, 5.10, 0.30), (-17, 1, 11.9, -0.70)])
def test_the_hardest_pixels_keep_their_gradient(logit: float, target: float, value: float, gradient: float) -> None:
    """A clamp of 1 - e, which this is not, gives gradients of 0."""
    assert evaluate(logit, target) == pytest.approx((value, gradient), rel=1e-3)


@given(LOGITS, TARGETS, GAMMAS)
def test_float32_equals_the_formula_in_float64(logit: float, target: float, gamma: float) -> None:
    loss = RegressiveCrossEntropy(gamma=gamma)
    value, gradient = evaluate(logit, target, loss)
    expected_value, expected_gradient = reference(logit, target, loss)
    assert value == pytest.approx(expected_value, rel=1e-5, abs=2e-7)
    distance = abs(1 / (1 + math.exp(-logit)) - target)
    if gamma >= 1 or distance > 1e-6 or target in {0, 1}:  # plain RCE has a kink at e = 0: its sign is a rounding there
        assert gradient == pytest.approx(expected_gradient, rel=1e-4, abs=1e-6)


@given(LOGITS, TARGETS, GAMMAS)
def test_no_logit_gives_nan(logit: float, target: float, gamma: float) -> None:
    value, gradient = evaluate(logit, target, RegressiveCrossEntropy(gamma=gamma))
    assert math.isfinite(value)
    assert math.isfinite(gradient)
    assert value >= -1e-6


def test_half_precision_logits_are_computed_in_float32() -> None:
    logits = torch.tensor([[[[3.0, -40.0]]]])
    arguments = torch.tensor([[[[0.0, 0.7]]]]), torch.ones(1, 1)
    loss = RegressiveCrossEntropy()
    assert loss(logits.bfloat16(), *arguments).dtype == torch.float32
    assert float(loss(logits.bfloat16(), *arguments)) == float(loss(logits, *arguments))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_without_modulation_binary_targets_give_weighted_cross_entropy(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 10 * torch.randn(2, 3, 4, 5, generator=generator)
    targets = torch.randint(0, 2, logits.shape, generator=generator).float()
    balance = 0.7 * targets + 0.3 * (1 - targets)
    expected = binary_cross_entropy_with_logits(logits, targets, weight=balance)
    torch.testing.assert_close(RegressiveCrossEntropy(gamma=0)(logits, targets, torch.ones(2, 3)), expected)


def test_targets_above_the_threshold_are_positive() -> None:
    logits, targets = torch.full((1, 1, 1, 2), -3.0), torch.tensor([[[[0.0099, 0.0101]]]])
    loss = RegressiveCrossEntropy(alpha=0.9)
    negative, positive = loss.elementwise(logits, targets).flatten().tolist()
    assert positive / negative == pytest.approx(9, rel=0.05)


def masked_gradient(loss: RegressiveCrossEntropy | MeanSquaredError) -> tuple[Tensor, Tensor]:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    weights = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    value = loss(logits, torch.rand(2, 3, 4, 4), weights)
    return torch.autograd.grad(value, logits)[0], weights


@pytest.mark.parametrize("loss", [RegressiveCrossEntropy(), MeanSquaredError()])
def test_keypoints_of_weight_zero_have_no_gradient_at_all(loss: RegressiveCrossEntropy | MeanSquaredError) -> None:
    gradient, weights = masked_gradient(loss)
    assert torch.count_nonzero(gradient[weights == 0]) == 0
    assert torch.count_nonzero(gradient[weights == 1]) == 4 * 16


def test_masked_keypoints_still_divide_the_mean() -> None:
    logits, targets = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    loss = RegressiveCrossEntropy()
    whole = float(loss(logits, targets, torch.ones(1, 2)))
    assert float(loss(logits, targets, torch.tensor([[1.0, 0.0]]))) == pytest.approx(whole / 2)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_alpha_outside_its_range_is_named(alpha: float) -> None:
    with pytest.raises(ValueError, match=f"alpha is {alpha}"):
        RegressiveCrossEntropy(alpha=alpha)


@pytest.mark.parametrize("gamma", [0.5, -1.0, math.nan])
def test_gamma_outside_its_range_is_named(gamma: float) -> None:
    with pytest.raises(ValueError, match=f"gamma is {gamma}"):
        RegressiveCrossEntropy(gamma=gamma)


def test_mean_squared_error_is_half_the_square() -> None:
    logits, targets = torch.full((1, 2, 2, 2), 0.75), torch.full((1, 2, 2, 2), 0.25)
    loss = MeanSquaredError()
    assert float(loss(logits, targets, torch.ones(1, 2))) == 0.5 * 0.5**2
    assert float(loss(logits, targets, torch.tensor([[1.0, 0.0]]))) == 0.5 * 0.5**2 / 2


def test_each_loss_says_what_its_heatmaps_are() -> None:
    logits = torch.tensor([-3.0, 0.0, 2.0])
    assert torch.equal(RegressiveCrossEntropy().heatmaps(logits), logits.sigmoid())
    assert torch.equal(MeanSquaredError().heatmaps(logits), logits)


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_squared_error_and_its_gradient_are_the_formulas(weight: float) -> None:
    """l = w^2 (x - t)^2 / 2 and dl/dx = w^2 (x - t), divided by the count."""
    logits, targets = torch.randn(2, 3, 4, 5, requires_grad=True), torch.rand(2, 3, 4, 5)
    value = MeanSquaredError()(logits, targets, torch.full((2, 3), weight))
    (gradient,) = torch.autograd.grad(value, logits)
    value = value.detach()
    away = (logits - targets).detach().double()
    assert float(value) == pytest.approx(float(0.5 * (weight * away).square().mean()), rel=1e-6)
    torch.testing.assert_close(gradient.double(), weight**2 * away / away.numel(), rtol=1e-5, atol=1e-9)


def test_only_the_hardest_keypoints_of_each_person_count() -> None:
    """The mean of the k largest half squared errors; the others have no gradient."""
    logits = torch.zeros(2, 4, 3, 3, requires_grad=True)
    errors = torch.tensor([[0.1, 0.4, 0.2, 0.3], [1.0, 0.5, 0.8, 0.9]])
    targets = errors[:, :, None, None].expand(2, 4, 3, 3)
    weights = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
    value = HardKeypointMining(2)(logits, targets, weights)
    hardest = [0.4, 0.3, 0.9, 0.8]
    (gradient,) = torch.autograd.grad(value, logits)
    assert float(value.detach()) == pytest.approx(np.mean([0.5 * error**2 for error in hardest]), rel=1e-6)
    expected = torch.tensor([[0, 0.4, 0, 0.3], [0, 0, 0.8, 0.9]])
    torch.testing.assert_close(gradient[:, :, 0, 0], -expected / (2 * 2 * 9))


def test_all_keypoints_hard_is_the_mean_squared_error() -> None:
    logits, targets, weights = torch.randn(2, 3, 4, 5), torch.rand(2, 3, 4, 5), torch.ones(2, 3)
    expected = MeanSquaredError()(logits, targets, weights)
    torch.testing.assert_close(HardKeypointMining(3)(logits, targets, weights), expected)


def test_more_hard_keypoints_than_there_are_is_named() -> None:
    maps = torch.zeros(1, 3, 2, 2)
    with pytest.raises(ValueError, match="hard_keypoints is 4; the skeleton has 3 keypoints"):
        HardKeypointMining(4)(maps, maps, torch.ones(1, 3))
    with pytest.raises(ValueError, match="hard_keypoints is 0"):
        HardKeypointMining(0)
