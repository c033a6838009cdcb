import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.networks.normalise import Normalise


def test_imagenets_mean_becomes_zero_and_colours_stay_in_order() -> None:
    crops = torch.zeros(2, 4, 6, 3, dtype=torch.uint8)
    crops[1] = torch.tensor([255, 128, 0])
    images = Normalise()(crops)
    assert images.shape == (2, 3, 4, 6)
    assert images.dtype == torch.float32
    expected = torch.tensor([(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, -0.406 / 0.225])
    torch.testing.assert_close(images[1, :, 2, 3], expected)


def test_it_adds_nothing_to_a_checkpoint() -> None:
    assert not Normalise().state_dict()
