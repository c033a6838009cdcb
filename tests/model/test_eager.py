"""The benchmark's yardstick: every embedded pose network runs in eager torch."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.contract.spec import DetectorSpec, load_pose_spec, load_spec
from model.eager import EagerNetworks
from service.zoo import embedded_bundles, find_bundle

POSES = [name for name in embedded_bundles() if not isinstance(load_spec(find_bundle(name)), DetectorSpec)]


@pytest.mark.parametrize("name", POSES)
def test_every_embedded_pose_network_gives_heatmaps_of_its_bundles_size(name: str) -> None:
    spec = load_pose_spec(find_bundle(name))
    networks = EagerNetworks(spec, find_bundle("person-detector") / "model.safetensors", threads=1)
    width, height = spec.input_size
    heatmaps = networks.estimate(np.zeros((2, height, width, 3), dtype=np.uint8))
    assert heatmaps.shape == (2, 17, height // 4, width // 4)
