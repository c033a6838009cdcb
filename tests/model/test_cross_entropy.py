"""Table 6's cross entropies: the masks' sizes, values and gradients against their formulas in float64."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor

from model.contract.codec import Centre, HeatmapCodec
from model.cross_entropy import MaskName, PixelCrossEntropy, SoftmaxCrossEntropy, mask, one_hot
from model.networks.layers import PRIOR

SIZE = (48, 64)


def gaussians(centre: Centre = "rounded", big: bool = False) -> Tensor:
    """(1, 3, h, w) targets of three keypoints well inside."""
    factor = 1.5 if big else 1.0
    size = (round(192 * factor), round(256 * factor))
    codec = HeatmapCodec(size, (size[0] // 4, size[1] // 4), 2 * factor, "stride", centre, "argmax")
    points = factor * np.array([[101.3, 122.8], [60.9, 77.7], [120.0, 96.4]])
    return torch.from_numpy(codec.encode(points, np.ones(3, dtype=np.bool_))[0][None])


def logits_for(targets: Tensor) -> Tensor:
    return 8 * torch.randn(targets.shape, generator=torch.Generator().manual_seed(1))


def evaluate(loss: torch.nn.Module, logits: Tensor, targets: Tensor, weights: Tensor) -> tuple[float, Tensor]:
    """Value and gradient in float32."""
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, targets, weights)
    return float(value.detach()), torch.autograd.grad(value, leaf)[0]


@pytest.mark.parametrize(("name", "pixels"), [("gaussian", 113), ("udp", 37), ("grmi", 69)])
@pytest.mark.parametrize("keypoint", [0, 1, 2])
def test_masks_have_the_known_sizes(name: MaskName, pixels: int, keypoint: int) -> None:
    labels = mask(name)(gaussians())
    assert int(labels[0, keypoint].sum()) == pixels
    assert set(labels.unique().tolist()) == {0, 1}


def test_masks_grow_with_the_resolution() -> None:
    """Table 1: 261 positive samples at 96x72."""
    assert int(mask("gaussian")(gaussians(big=True))[0, 0].sum()) == 261


@pytest.mark.parametrize("centre", ["rounded", "exact"])
def test_one_hot_is_the_pixel_nearest_to_the_keypoint(centre: Centre) -> None:
    labels = one_hot(gaussians(centre))
    assert labels.sum(dim=(2, 3)).tolist() == [[1, 1, 1]]
    assert labels[0, 0, round(122.8 / 4), round(101.3 / 4)] == 1


@pytest.mark.parametrize("alpha", [None, 0.7])
@pytest.mark.parametrize("labelling", [one_hot, mask("gaussian"), mask("udp")])
def test_value_and_gradient_are_the_formulas(labelling: Callable[[Tensor], Tensor], alpha: float | None) -> None:
    """l = -w (t log y + (1 - t) log(1 - y)) and dl/dx = w (y - t), divided by the count."""
    targets, weights = gaussians(), torch.tensor([[1.0, 0.5, 0.0]])
    logits = logits_for(targets)
    value, gradient = evaluate(PixelCrossEntropy(labelling, alpha), logits, targets, weights)
    x, t = logits.double(), labelling(targets).double()
    w = weights[:, :, None, None] * (1.0 if alpha is None else torch.where(t == 1, alpha, 1 - alpha))
    expected = w * (t * torch.log1p((-x).exp()) + (1 - t) * torch.log1p(x.exp()))
    assert value == pytest.approx(float(expected.mean()), rel=1e-6)
    torch.testing.assert_close(
        gradient.double(), w * (x.sigmoid() - t) / t.numel(), rtol=1e-5, atol=2e-11
    )  # 1 - y is rounded


def test_known_numbers() -> None:
    """log 2 a pixel at logit 0; a peak of 3072 pixels under a flat softmax costs log 3072."""
    targets, ones = gaussians(), torch.ones(1, 3)
    zero = torch.zeros_like(targets)
    assert float(PixelCrossEntropy(one_hot)(zero, targets, ones)) == pytest.approx(np.log(2))
    balanced = float(PixelCrossEntropy(one_hot, 0.7)(zero, targets, ones))
    assert balanced == pytest.approx(np.log(2) * (0.7 + 0.3 * 3071) / 3072, rel=1e-6)
    assert float(SoftmaxCrossEntropy()(zero, targets, ones)) == pytest.approx(np.log(3072))


def test_softmax_value_and_gradient_are_the_formulas() -> None:
    """l = logsumexp(x) - x_k and dl/dx = p - onehot, of every map that counts."""
    targets, weights = gaussians(), torch.tensor([[1.0, 0.5, 0.0]])
    logits = logits_for(targets)
    value, gradient = evaluate(SoftmaxCrossEntropy(), logits, targets, weights)
    x, label = logits.double().flatten(2), one_hot(targets).double().flatten(2)
    expected = (x.logsumexp(dim=2) - (x * label).sum(dim=2)) * weights
    assert value == pytest.approx(float(expected.mean()), rel=1e-6)
    slope = (x.softmax(dim=2) - label) * weights[:, :, None] / 3
    torch.testing.assert_close(gradient.double().flatten(2), slope, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("loss", [PixelCrossEntropy(one_hot), PixelCrossEntropy(mask("grmi")), SoftmaxCrossEntropy()])
def test_half_precision_and_large_logits_stay_finite(loss: torch.nn.Module) -> None:
    targets = gaussians()
    value, gradient = evaluate(loss, 100 * logits_for(targets).bfloat16(), targets, torch.ones(1, 3))
    assert np.isfinite(value)
    assert bool(gradient.isfinite().all())


def test_heatmaps() -> None:
    logits = torch.randn(2, 3, 4, 5)
    assert torch.equal(PixelCrossEntropy(one_hot).heatmaps(logits), logits.sigmoid())
    softmax = SoftmaxCrossEntropy().heatmaps(logits)
    assert softmax.shape == logits.shape
    torch.testing.assert_close(softmax.sum(dim=(2, 3)), torch.ones(2, 3))
    assert torch.tensor(PixelCrossEntropy.initial_logit).sigmoid().item() == pytest.approx(PRIOR)


def test_alpha_outside_its_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"alpha is 1\.5"):
        PixelCrossEntropy(one_hot, 1.5)
