"""The `Accept` header: JSON, or an image with the people drawn."""

from typing import Literal

ImageType = Literal["image/jpeg", "image/png"]

IMAGE_TYPES: dict[str, ImageType] = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/*": "image/jpeg",
    "image/png": "image/png",
}
"""Media range -> what is sent for it."""


def wanted_image(accept: str) -> ImageType | None:
    """The image type that the header prefers to JSON, if any.

    JSON is the answer to all that names no image type: `*/*`, nothing, or a type that is not served.
    """
    ranges = [_parse_range(part) for part in accept.split(",")]
    json_weight = max((weight for name, weight in ranges if name in {"application/json", "application/*"}), default=0.0)
    images = [(weight, name) for name, weight in ranges if weight > json_weight and name in IMAGE_TYPES]
    if not images:
        return None
    _, name = max(images, key=lambda pair: pair[0])
    return IMAGE_TYPES[name]


def _parse_range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            return name, _weight(parameter[2:])
    return name, 1.0


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
