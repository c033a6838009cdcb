"""Triton's own client against a running server; `make test-adapters` installs it and runs this."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "service/static/samples"


@pytest.fixture(scope="module")
def triton() -> Any:
    return pytest.importorskip("tritonclient.http", reason="make test-adapters installs it")


@pytest.fixture(scope="module")
def client(triton: Any, address: str) -> Iterator[Any]:
    with triton.InferenceServerClient(address) as client:
        yield client


def files(triton: Any, *names: str) -> Any:
    data = np.array([(SAMPLES / name).read_bytes() for name in names], dtype=object)
    tensor = triton.InferInput("images", list(data.shape), "BYTES")
    tensor.set_data_from_numpy(data)
    return tensor


def test_server_and_model_are_ready_and_described(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("pose")
    assert client.get_server_metadata()["name"] == "fasterpose"
    metadata = client.get_model_metadata("pose")
    assert client.is_model_ready("pose", metadata["versions"][0])
    assert not client.is_model_ready("pose", "none")
    assert [tensor["datatype"] for tensor in metadata["inputs"]] == ["BYTES", "UINT8", "FP32"]


def test_photographs_go_in_as_bytes_and_people_come_out(triton: Any, client: Any) -> None:
    answer = client.infer("pose", [files(triton, "three.jpg", "astronaut.jpg")], request_id="a1")
    assert answer.get_response()["id"] == "a1"
    assert answer.as_numpy("image_index").tolist() == [0, 0, 0, 1]
    assert answer.as_numpy("keypoints").shape == (4, 17, 3)
    assert answer.as_numpy("image_sizes").tolist() == [[1370, 480], [512, 512]]
    assert (np.diff(answer.as_numpy("scores")[:3]) <= 0).all()


def test_pixels_give_what_the_file_gives(triton: Any, client: Any) -> None:
    bgr = cv2.imread(str(SAMPLES / "astronaut.jpg"))
    assert bgr is not None
    pixels = np.ascontiguousarray(bgr[..., ::-1])
    tensor = triton.InferInput("pixels", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels)
    wanted = [triton.InferRequestedOutput("keypoints"), triton.InferRequestedOutput("scores", binary_data=False)]
    by_pixels = client.infer("pose", [tensor], outputs=wanted)
    by_file = client.infer("pose", [files(triton, "astronaut.jpg")])
    assert np.array_equal(by_pixels.as_numpy("keypoints"), by_file.as_numpy("keypoints"))
    assert np.allclose(by_pixels.as_numpy("scores"), by_file.as_numpy("scores"))
    assert by_pixels.as_numpy("boxes") is None


def test_boxes_and_options_are_taken(triton: Any, client: Any) -> None:
    boxes = triton.InferInput("boxes", [1, 4], "FP32")
    boxes.set_data_from_numpy(np.array([[10, 20, 300, 450]], dtype=np.float32))
    answer = client.infer("pose", [files(triton, "astronaut.jpg"), boxes], parameters={"flip_test": True})
    assert answer.as_numpy("boxes").tolist() == [[10, 20, 300, 450]]
    assert answer.as_numpy("box_scores").tolist() == [1]


def test_an_error_is_the_servers_sentence(triton: Any, client: Any) -> None:
    utils: Any = pytest.importorskip("tritonclient.utils")
    with pytest.raises(utils.InferenceServerException, match=r"\[422\] person_threshold: ") as error:
        client.infer("pose", [files(triton, "astronaut.jpg")], parameters={"person_threshold": 7})
    assert error.value.status() == "422"
    with pytest.raises(utils.InferenceServerException, match="Compressed bodies are not taken"):
        client.infer("pose", [files(triton, "astronaut.jpg")], request_compression_algorithm="gzip")
