from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
import torch.distributed as dist
from torch import nn

from model.sync_norm import synchronise_norms


@pytest.fixture
def _one_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def pair() -> tuple[nn.Sequential, nn.Sequential]:
    """torch's batch norm and a synchronised one, with the same weights."""
    plain, synced = nn.Sequential(nn.BatchNorm2d(3)), nn.Sequential(nn.BatchNorm2d(3))
    nn.init.uniform_(next(plain.parameters()), 0.5, 1.5)
    synced.load_state_dict(plain.state_dict())
    synchronise_norms(synced)
    return plain, synced


@pytest.mark.usefixtures("_one_process")
def test_in_one_process_it_is_torchs_batch_norm_gradients_and_statistics_too() -> None:
    plain, synced = pair()
    images = 3 + 2 * torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    gradients: list[torch.Tensor] = []
    for network in (plain, synced):
        leaf = images.clone().requires_grad_()
        value = (network(leaf) ** 3).sum()
        parts = torch.autograd.grad(value, [leaf, *network.parameters()])
        gradients.append(torch.cat([part.flatten() for part in parts]))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(synced.state_dict(), plain.state_dict())
    torch.testing.assert_close(synced.eval()(images), plain.eval()(images))
