"""Requests and responses as pydantic models: they check what comes in and describe the API."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.jobs import PoseOptions
from service.settings import LONGEST_TIMEOUT_MS
from service.tracking.options import DETECT_EVERY, MOST_DETECT_EVERY, TrackingOptions

ResultFormat = Literal["native", "coco-results", "cvat"]
LARGEST_COORDINATE = 1e6

Coordinate = Annotated[float, Field(ge=-LARGEST_COORDINATE, le=LARGEST_COORDINATE, allow_inf_nan=False)]
Side = Annotated[float, Field(ge=1, le=LARGEST_COORDINATE, allow_inf_nan=False)]
BoxIn = tuple[Coordinate, Coordinate, Side, Side]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
ImageIdIn = (
    Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
    | Annotated[str, StringConstraints(strict=True, min_length=1, max_length=256)]
)


class Options(BaseModel):
    """What a request may choose. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    boxes: list[BoxIn] | None = Field(
        default=None,
        description="Person boxes [[x, y, width, height], ...] in pixels of the upright image, sides of at least 1 "
        "pixel. The detector is skipped, every box is answered, its `bbox_score` is 1. An empty list: nobody.",
        examples=[[[10.0, 20.0, 200.0, 400.0]]],
    )
    detect: bool = Field(default=True, description="`false` with no boxes: the whole image is one person.")
    person_threshold: Fraction = Field(default=0.3, description="Drop people whose box score is lower.")
    keypoint_threshold: Fraction = Field(
        default=0.2, description="Only used for drawing and for `score`; coordinates are always returned."
    )
    max_persons: int = Field(
        default=100,
        ge=1,
        description="Keep the highest-scoring people. With `boxes`, giving fewer than boxes is an error.",
    )
    flip_test: bool = Field(
        default=False, description="Average with the mirrored crop: slower, a little more accurate."
    )
    image_id: ImageIdIn | None = Field(
        default=None, description="Echoed in the results. As a query parameter, digits become a number."
    )
    format: ResultFormat = Field(
        default="native", description="`native`; `coco-results`: the bare results list; `cvat`: CVAT skeleton shapes."
    )
    timeout_ms: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_TIMEOUT_MS,
        description="The request's deadline, counted from arrival, ms. Default: the server's setting.",
    )

    def for_pipeline(self) -> PoseOptions:
        """The part that the pipeline needs."""
        return PoseOptions(
            detect=self.detect,
            person_threshold=self.person_threshold,
            keypoint_threshold=self.keypoint_threshold,
            max_persons=self.max_persons,
            flip_test=self.flip_test,
        )


class StreamOptions(Options):
    """What a frame of a stream may choose."""

    track: bool = Field(
        default=False,
        description="Follow people from frame to frame: results have a `track_id`, and the detector looks at some "
        "frames only. Somebody who is followed may score down to half of `person_threshold`.",
    )
    smooth: bool = Field(
        default=False, description="Of tracked people: smooth keypoints and boxes over the frames (One-Euro)."
    )
    detect_every: int = Field(
        default=DETECT_EVERY,
        ge=1,
        le=MOST_DETECT_EVERY,
        description="Of tracked people: the detector looks at least at every so many frames.",
    )
    frame_rate: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="Of tracked people: frames a second. Default: the frames' times are those of their arrival.",
    )

    @model_validator(mode="after")
    def _ignore_nothing(self) -> Self:
        for name in ("smooth", "detect_every", "frame_rate"):
            if name in self.model_fields_set and not self.track:
                raise ValueError(f"{name}: only for tracked people; ask for track too")
        if self.track and self.format == "cvat":
            raise ValueError("track: CVAT's shapes have no place for a track id; leave out format")
        return self

    def for_tracking(self) -> TrackingOptions | None:
        """How the frame's people are followed; None: they are not."""
        return TrackingOptions(self.detect_every, self.smooth, self.frame_rate) if self.track else None


class ImageIn(BaseModel):
    """One image of a JSON body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(description="The encoded image file, base64.")
    id: ImageIdIn | None = Field(default=None, description="Echoed in the results; default: its place, from 0.")
    boxes: list[BoxIn] | None = Field(default=None, description="Person boxes of this image, as in the options.")


class JsonBody(BaseModel):
    """The JSON form of a request."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"images": [{"data": "/9j/4AAQSkZJRg...", "id": 7}], "options": {}}]},
    )

    images: list[ImageIn] = Field(min_length=1)
    options: Options = Options()


class BinaryImageIn(BaseModel):
    """One image of a request whose transport carries bytes as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: bytes
    id: ImageIdIn | None = None
    boxes: list[BoxIn] | None = None


class BinaryBody(BaseModel):
    """A request whose transport carries bytes as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: list[BinaryImageIn] = Field(min_length=1)
    options: Options = Options()


class StreamBody(BaseModel):
    """A request of a stream, of a transport that carries bytes as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: list[BinaryImageIn] = Field(min_length=1)
    options: StreamOptions = StreamOptions()


class Problem(BaseModel):
    """An error, RFC 9457 problem details."""

    type: str = Field(examples=["urn:fasterpose:problem:invalid-option"])
    title: str = Field(description="The kind of error.", examples=["Invalid option"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What is wrong and what to do.", examples=["person_threshold: must be at most 1"])
    request_id: str = Field(description="Also the header X-Request-ID.", examples=["8d5b0f8be66b4a3c"])
    error: str | None = Field(default=None, description="Below /v2 only: `detail` again, where its clients look.")


class ImageProblem(BaseModel):
    """Why one image of several has no results."""

    type: str
    title: str
    status: int
    detail: str


class ImageOut(BaseModel):
    """One image of a response: its upright size, or the reason why it failed."""

    id: int | str
    width: int | None = Field(default=None, description="Upright width, pixels. Absent if the image failed.")
    height: int | None = Field(default=None, description="Upright height, pixels. Absent if the image failed.")
    error: ImageProblem | None = Field(default=None, description="Only in answers to several images.")


class PoseResult(BaseModel):
    """One person, a COCO keypoint result."""

    image_id: int | str
    category_id: Literal[1] = Field(description="COCO's `person`.")
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)] = Field(
        description="x, y, width, height in pixels of the upright image."
    )
    bbox_score: Fraction = Field(description="The detector's score; 1 for a given box.")
    score: Fraction = Field(description="Box score x mean score of the keypoints above `keypoint_threshold`.")
    keypoints: list[float] = Field(
        description="x, y, score for each keypoint, pixels of the upright image. The third is a score, "
        "never a visibility flag; a low-scoring keypoint keeps its coordinates."
    )


class ModelNames(BaseModel):
    """The networks that answered."""

    name: str
    version: str
    detector: str


class Timings(BaseModel):
    """Milliseconds; of several images the sums, `total` from the request's arrival."""

    decode: float
    detect: float
    queue: float
    estimate: float
    total: float


class PoseResponse(BaseModel):
    """The native response."""

    model: ModelNames
    images: list[ImageOut]
    results: list[PoseResult] = Field(description="A COCO results list, of each image highest score first.")
    timings_ms: Timings


class CvatPoint(BaseModel):
    """A keypoint of a CVAT skeleton."""

    label: str
    type: Literal["points"]
    outside: Literal[0, 1] = Field(
        description="1 if the score is below `keypoint_threshold` or the place beside the picture; the place is kept."
    )
    points: Annotated[list[float], Field(min_length=2, max_length=2)]
    confidence: str


class CvatShape(BaseModel):
    """A person as CVAT's automatic annotation reads it."""

    confidence: str
    label: Literal["person"]
    type: Literal["skeleton"]
    elements: list[CvatPoint]


class InputSize(BaseModel):
    """Pixels."""

    width: int
    height: int


class ModelOut(BaseModel):
    """A loaded network."""

    name: str
    task: Literal["detector", "pose"]
    version: str
    architecture: str
    sha256: str = Field(description="Hash of the graph file that runs.")
    input_size: InputSize
    runtime: str
    device: str
    precision: str
    max_batch: int = Field(description="Largest batch: images for the detector, people for the pose network.")
    batch_ms: dict[int, float] = Field(
        description="Batch size -> milliseconds measured at the start, from which `max_batch` was chosen; "
        "empty if it was set."
    )
    keypoint_names: list[str]
    skeleton: list[tuple[int, int]] = Field(description="Pairs of keypoint indices, from 0.")
    licence: str
    accuracy: dict[str, dict[str, float]] = Field(description="Precision -> measured figures.")


class ModelLoaded(BaseModel):
    """A network that serves now, and the one whose place it took."""

    loaded: ModelOut
    replaced: ModelOut


class ModelList(BaseModel):
    """The loaded networks."""

    models: list[ModelOut]


class Health(BaseModel):
    """Liveness or readiness."""

    status: str = Field(examples=["ready"])


class Tensor(BaseModel):
    """A tensor of the Open Inference Protocol; -1 is a free size."""

    name: str
    datatype: str
    shape: list[int]


class ServerMetadata(BaseModel):
    """Server metadata of the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class ModelReady(BaseModel):
    """A model of the Open Inference Protocol that computes."""

    name: str
    ready: Literal[True]


class ModelMetadata(BaseModel):
    """Model metadata of the Open Inference Protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


def describe_location(location: tuple[Any, ...]) -> str:
    """('images', 0, 'boxes', 1) -> `images[0].boxes[1]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
