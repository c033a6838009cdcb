"""What is written of one image or of one frame of a video."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.formats import Outcome


@dataclass(frozen=True)
class Entry:
    """An image or a frame, and its outcome.

    Attributes:
        name: of an image its path as written or found; of a frame `VIDEO#PLACE`; `-` is stdin.
        image_id: in COCO's files.
        outcome: its people, or why there are none.
        about: more to know of it, such as `video`, `frame` and `time_s` of a frame.
    """

    name: str
    image_id: int
    outcome: Outcome
    about: Mapping[str, str | int | float] = field(default_factory=dict[str, str | int | float])
