"""Reading a recipe's sources: annotation files to samples, with a clear error before the first epoch."""

from pathlib import Path

from model.config import TrainingSource, ValidationSource
from model.contract.coco import AnnotationError, CocoKeypoints, dropped_people, read_keypoints, training_people
from model.contract.skeleton import Skeleton
from model.data.dataset import DataError, Sample


def read_training_samples(root: Path, sources: tuple[TrainingSource, ...], skeleton: Skeleton) -> list[Sample]:
    """The people of all sources, each as often as its source repeats.

    Raises:
        AnnotationError: an annotation file is missing or broken.
        DataError: it has another skeleton, or nobody to train on.
    """
    return [
        sample for source in sources for sample in read_samples(root, source, skeleton) for _ in range(source.repeat)
    ]


def read_samples(root: Path, source: TrainingSource | ValidationSource, skeleton: Skeleton) -> list[Sample]:
    """The usable people of one COCO-format file (FACTS: no crowd, some area, some labelled keypoint).

    Raises:
        AnnotationError: the file is missing or broken.
        DataError: it has another skeleton, or nobody usable.
    """
    return usable_samples(read_annotations(root / source.annotations), root / source.images, skeleton)


def read_annotations(path: Path) -> CocoKeypoints:
    """Read a COCO-format annotation file.

    Raises:
        AnnotationError: the file is missing or broken.
    """
    try:
        return read_keypoints(path)
    except OSError as error:
        raise AnnotationError(f"annotation file {path} cannot be read: {error.strerror}") from error


def usable_samples(annotations: CocoKeypoints, folder: Path, skeleton: Skeleton) -> list[Sample]:
    """The usable people of annotations that were read, with their photographs in `folder`; errors as above."""
    if annotations.keypoint_names != skeleton.keypoint_names:
        raise DataError(f"{annotations.path} has keypoints {annotations.keypoint_names}; {skeleton.name} is needed")
    people = training_people(annotations)
    if not people:
        raise DataError(f"{annotations.path} holds nobody to use; left out: {dropped_people(annotations)}")
    return [Sample(folder / annotations.images[person.image_id].file_name, person) for person in people]
