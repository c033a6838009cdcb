"""Whatever the loss, descending it leads to heatmaps from which its decoder reads the keypoints."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from pydantic import TypeAdapter

from model.build import build_loss
from model.contract.codec import Decoder, HeatmapCodec
from model.loss_recipes import LossRecipe

POINTS = np.array([[101.3, 122.8], [60.9, 77.7], [120.0, 196.4]])
STEPS = 150


@pytest.mark.parametrize(
    ("table", "decoder", "worst"),
    [
        ({"kind": "rce"}, "dark", 0.6),
        ({"kind": "mse"}, "dark", 0.1),
        ({"kind": "mse"}, "udp", 0.1),
        ({"kind": "ohkm", "hard_keypoints": 2}, "dark", 0.1),
        ({"kind": "ce_one_hot"}, "argmax", 2.83),
        ({"kind": "ce_one_hot", "alpha": 0.7}, "argmax", 2.83),
        ({"kind": "ce_mask"}, "blurred", 1.0),
        ({"kind": "ce_mask", "mask": "udp"}, "blurred", 1.0),
        ({"kind": "ce_mask", "mask": "grmi", "alpha": 0.7}, "blurred", 1.0),
        ({"kind": "ce_softmax"}, "argmax", 2.83),
        ({"kind": "integral"}, "integral", 0.5),
        ({"kind": "dsnt"}, "integral", 0.5),
        ({"kind": "dsnt"}, "dark", 0.6),
    ],
)
def test_descending_a_loss_leads_to_the_keypoints(table: dict[str, object], decoder: Decoder, worst: float) -> None:
    """`worst` is in crop pixels: half a heatmap pixel's diagonal where only the highest pixel is known."""
    codec = HeatmapCodec((192, 256), (48, 64), 2.0, "half_pixel", "exact", decoder)
    maps, weights = codec.encode(POINTS, np.ones(3, dtype=np.bool_))
    loss = build_loss(TypeAdapter(LossRecipe).validate_python(table))
    logits = torch.full((1, 3, 64, 48), loss.initial_logit, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.3, eps=1e-12)  # a mean over pixels has tiny gradients
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss(logits, torch.from_numpy(maps[None]), torch.from_numpy(weights[None])).backward()
        optimiser.step()
    heatmaps = loss.heatmaps(logits.detach()).numpy()
    points, scores = codec.decode(heatmaps)
    assert np.linalg.norm(points[0] - POINTS, axis=1).max() <= worst
    assert scores.min() > 0.2 or (table["kind"] == "dsnt" and decoder == "dark")
