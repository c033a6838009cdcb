"""Reading a recipe's sources: annotation files to samples, with a clear error before the first epoch."""

from collections.abc import Callable
from pathlib import Path

from model.config import TrainingSource, ValidationSource
from model.contract.coco import (
    AnnotationError,
    CocoKeypoints,
    dropped_people,
    labelled_outside,
    read_keypoints,
    training_people,
)
from model.contract.skeleton import MPII_16, Skeleton
from model.data.dataset import DataError, Sample
from model.data.mpii import read_mpii

Tell = Callable[[str], object]
"""Takes one line about a file that was read."""


def read_training_samples(
    root: Path, sources: tuple[TrainingSource, ...], skeleton: Skeleton, tell: Tell | None = None
) -> list[Sample]:
    """The people of all sources, each as often as its source repeats; `tell` hears who is left out of which file.

    Raises:
        AnnotationError: an annotation file is missing or broken.
        DataError: it has another skeleton, or nobody to train on.
    """
    return [
        sample
        for source in sources
        for sample in _spread(_read_source(root, source, skeleton, tell), source.people)
        for _ in range(source.repeat)
    ]


def _spread(samples: list[Sample], count: int | None) -> list[Sample]:
    """So many of the samples, evenly spread over them; all without a count."""
    if count is None or count >= len(samples):
        return samples
    return [samples[number * len(samples) // count] for number in range(count)]


def _read_source(root: Path, source: TrainingSource, skeleton: Skeleton, tell: Tell | None) -> list[Sample]:
    if source.format == "mpii":
        path = root / source.annotations
        everybody = read_mpii_samples(path, root / source.images, skeleton)
        samples = [sample for sample in everybody if sample.person.labelled.any()]
        if tell is not None:
            tell(_people_line(path, len(everybody), {"no labelled keypoint": len(everybody) - len(samples)}))
        if not samples:
            raise DataError(f"{path} holds nobody to use: no joint is labelled")
        return samples
    return read_samples(root, source, skeleton, tell)


def read_mpii_samples(path: Path, folder: Path, skeleton: Skeleton) -> list[Sample]:
    """Every person of an MPII JSON list, in its order.

    Raises:
        AnnotationError: the file is missing or broken.
        DataError: the network finds another skeleton.
    """
    if skeleton.keypoint_names != MPII_16.keypoint_names:
        raise DataError(f"{path} is MPII's ({MPII_16.name}); the skeleton here is {skeleton.name}")
    return read_mpii(path, folder)


def read_samples(
    root: Path, source: TrainingSource | ValidationSource, skeleton: Skeleton, tell: Tell | None = None
) -> list[Sample]:
    """The usable people of one COCO-format file (FACTS: no crowd, some area, some labelled keypoint).

    `tell` hears how many there are, why others are left out, and how many labels lie outside their photographs.

    Raises:
        AnnotationError: the file is missing or broken.
        DataError: it has another skeleton, or nobody usable.
    """
    annotations = read_annotations(root / source.annotations)
    if tell is not None:
        tell(describe_people(annotations))
    return usable_samples(annotations, root / source.images, skeleton)


def describe_people(annotations: CocoKeypoints) -> str:
    """One line on a file: who is trained or measured on, who is left out, what looks wrong and stays."""
    people = annotations.people
    outside = sum(int(labelled_outside(person, annotations.images[person.image_id]).sum()) for person in people)
    line = _people_line(annotations.path, len(people), dropped_people(annotations))
    return f"{line}; {outside} keypoints are labelled outside their photograph and stay" if outside else line


def _people_line(path: Path, everybody: int, dropped: dict[str, int]) -> str:
    reasons = ", ".join(f"{count} x {reason}" for reason, count in dropped.items() if count)
    line = f"{path.name}: {everybody - sum(dropped.values())} of {everybody} people"
    return f"{line}; left out: {reasons}" if reasons else line


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
    check_skeleton(annotations, skeleton)
    people = training_people(annotations)
    if not people:
        raise DataError(f"{annotations.path} holds nobody to use; left out: {dropped_people(annotations)}")
    return [Sample(folder / annotations.images[person.image_id].file_name, person) for person in people]


def check_skeleton(annotations: CocoKeypoints, skeleton: Skeleton) -> None:
    """Refuse annotations of another skeleton.

    Raises:
        DataError: the keypoints' names or their order differ.
    """
    if annotations.keypoint_names != skeleton.keypoint_names:
        raise DataError(
            f"{annotations.path} has keypoints {annotations.keypoint_names}; {skeleton.name} is needed "
            "(`fasterpose data skeleton` writes a recipe's [skeleton] for a file)"
        )
