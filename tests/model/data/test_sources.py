import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.config import TrainingSource, ValidationSource
from model.contract.coco import AnnotationError
from model.contract.skeleton import COCO_17, MPII_16
from model.data.dataset import DataError
from model.data.sources import read_samples, read_training_samples


def source(**changes: Any) -> TrainingSource:
    return TrainingSource.model_validate({"annotations": "train.json", "images": "images"} | changes)


def edit(data: Path, **changes: Any) -> None:
    """Change every person of the training file."""
    content = json.loads((data / "train.json").read_text())
    content["annotations"] = [entry | changes for entry in content["annotations"]]
    (data / "train.json").write_text(json.dumps(content))


def test_every_person_occurs_as_often_as_its_source_repeats(data: Path) -> None:
    samples = read_training_samples(data, (source(repeat=3), source(annotations="val.json")), COCO_17)
    assert len(samples) == 3 * 6 + 2
    names = [sample.image_path.name for sample in samples]
    assert names.count("train-2.png") == 3
    assert names.count("val-1.png") == 1
    assert all(sample.image_path.is_file() for sample in samples)
    assert len({id(sample.person) for sample in samples if sample.image_path.name == "train-2.png"}) == 1


def test_a_part_of_the_people_is_spread_over_the_file(data: Path) -> None:
    everybody = [sample.person.id for sample in read_training_samples(data, (source(),), COCO_17)]
    some = [sample.person.id for sample in read_training_samples(data, (source(people=3, repeat=2),), COCO_17)]
    assert len(everybody) == 6
    assert some == [person for person in everybody[::2] for _ in range(2)]
    assert len(read_training_samples(data, (source(people=7),), COCO_17)) == 6


def test_validation_sources_read_alike(data: Path) -> None:
    validation = ValidationSource(name="v", annotations=Path("val.json"), images=Path("images"), metric="ap")
    assert [sample.person.image_id for sample in read_samples(data, validation, COCO_17)] == [1, 2]


def test_a_missing_annotation_file_is_named(data: Path) -> None:
    with pytest.raises(AnnotationError, match=r"annotation file .*absent\.json cannot be read: No such file"):
        read_training_samples(data, (source(annotations="absent.json"),), COCO_17)


def test_a_broken_annotation_file_is_named(data: Path) -> None:
    (data / "train.json").write_text('{"images": [')
    with pytest.raises(AnnotationError, match=r"train\.json: not JSON"):
        read_samples(data, source(), COCO_17)


def test_it_is_told_who_is_left_out_and_why(data: Path) -> None:
    path = data / "train.json"
    content = json.loads(path.read_text())
    crowd, nobody, flat, astray, *_ = content["annotations"]
    crowd["iscrowd"], flat["area"], nobody["keypoints"], astray["keypoints"][0] = 1, 0, [0] * 51, 130.0
    path.write_text(json.dumps(content))
    told: list[str] = []
    samples = read_training_samples(data, (source(),), COCO_17, told.append)
    assert [sample.person.id for sample in samples] == [entry["id"] for entry in content["annotations"][3:]]
    assert told == [
        "train.json: 3 of 6 people; left out: 1 x crowd, 1 x no labelled keypoint, 1 x no area; "
        "1 keypoints are labelled outside their photograph and stay"
    ]


def test_of_a_whole_file_the_people_are_counted(data: Path) -> None:
    told: list[str] = []
    read_samples(data, source(), COCO_17, told.append)
    assert told == ["train.json: 6 of 6 people"]


def test_another_skeleton_is_named(data: Path) -> None:
    with pytest.raises(DataError, match=r"train\.json has keypoints .*mpii-16 is needed"):
        read_samples(data, source(), MPII_16)


def test_a_file_without_anybody_usable_says_why(data: Path) -> None:
    edit(data, iscrowd=1)
    with pytest.raises(DataError, match=r"train\.json holds nobody to use; left out: \{'crowd': 6\}"):
        read_samples(data, source(), COCO_17)
