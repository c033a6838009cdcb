"""The answer to a request: images, and the people of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from model.contract.arrays import ImageArray
from model.contract.skeleton import COCO_17, Skeleton
from service.client.failure import PoseError, from_problem
from service.client.person import Person
from service.overlay import draw_people


@dataclass(frozen=True)
class ImagePoses:
    """One image of an answer.

    Attributes:
        id: as asked with, or the image's place in the request.
        width: upright width, pixels; 0 for an image that failed.
        height: upright height, pixels; 0 for an image that failed.
        people: highest score first.
        error: why the image has no people; None where it was answered.
    """

    id: int | str
    width: int
    height: int
    people: tuple[Person, ...]
    error: PoseError | None

    def draw(self, image: ImageArray, skeleton: Skeleton = COCO_17, keypoint_threshold: float = 0.2) -> ImageArray:
        """The image with boxes and skeletons, as the server draws them.

        Args:
            image: (height, width, 3) uint8 RGB, upright: `PoseAnswer`'s coordinates are those of the upright image.
            skeleton: of the server's pose network.
            keypoint_threshold: keypoints with a lower score, and their limbs, are not drawn.

        Raises:
            ValueError: the image has another size; its EXIF orientation was not applied, say.
        """
        if image.shape != (self.height, self.width, 3):
            raise ValueError(
                f"the image has shape {image.shape}, the answer is about ({self.height}, {self.width}, 3) pixels, RGB; "
                "apply the EXIF orientation first"
            )
        return draw_people(image, [person.as_pose() for person in self.people], skeleton, keypoint_threshold)


class PoseAnswer:
    """The answer to a request.

    Attributes:
        content: the native response as the server sent it.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    @property
    def model(self) -> dict[str, str]:
        """`name`, `version` and `detector` of the networks that answered."""
        return dict(self.content["model"])

    @property
    def timings_ms(self) -> dict[str, float]:
        """Milliseconds on the server by stage, and in `total`."""
        return dict(self.content["timings_ms"])

    @cached_property
    def images(self) -> tuple[ImagePoses, ...]:
        """One for each image of the request, in its order."""
        people = [Person(result) for result in self.content["results"]]
        return tuple(_image(entry, people) for entry in self.content["images"])

    @property
    def people(self) -> tuple[Person, ...]:
        """Of all images, of each highest score first."""
        return tuple(person for image in self.images for person in image.people)

    def to_coco(self) -> list[dict[str, Any]]:
        """A COCO keypoint results list, which `loadRes` of COCO's evaluators takes."""
        return [dict(result) for result in self.content["results"]]

    def raise_for_errors(self) -> "PoseAnswer":
        """Itself, where every image was answered.

        Raises:
            PoseError: the first image's that was not.
        """
        for image in self.images:
            if image.error is not None:
                raise image.error
        return self


def _image(entry: Mapping[str, Any], people: list[Person]) -> ImagePoses:
    problem = entry.get("error")
    mine = tuple(person for person in people if person.image_id == entry["id"])
    error = None if problem is None else from_problem(problem, None)
    return ImagePoses(entry["id"], entry.get("width") or 0, entry.get("height") or 0, mine, error)
