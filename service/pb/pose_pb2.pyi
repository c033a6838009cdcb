from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EstimateRequest(_message.Message):
    __slots__ = ("images", "options")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[ImageInput]
    options: Options
    def __init__(self, images: _Optional[_Iterable[_Union[ImageInput, _Mapping]]] = ..., options: _Optional[_Union[Options, _Mapping]] = ...) -> None: ...

class ImageInput(_message.Message):
    __slots__ = ("data", "id", "boxes")
    DATA_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    id: ImageId
    boxes: Boxes
    def __init__(self, data: _Optional[bytes] = ..., id: _Optional[_Union[ImageId, _Mapping]] = ..., boxes: _Optional[_Union[Boxes, _Mapping]] = ...) -> None: ...

class ImageId(_message.Message):
    __slots__ = ("number", "text")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    number: int
    text: str
    def __init__(self, number: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Boxes(_message.Message):
    __slots__ = ("boxes",)
    BOXES_FIELD_NUMBER: _ClassVar[int]
    boxes: _containers.RepeatedCompositeFieldContainer[Box]
    def __init__(self, boxes: _Optional[_Iterable[_Union[Box, _Mapping]]] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    width: float
    height: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class Options(_message.Message):
    __slots__ = ("boxes", "detect", "person_threshold", "keypoint_threshold", "max_persons", "flip_test", "image_id", "timeout_ms", "track", "smooth", "detect_every", "frame_rate")
    BOXES_FIELD_NUMBER: _ClassVar[int]
    DETECT_FIELD_NUMBER: _ClassVar[int]
    PERSON_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    KEYPOINT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MAX_PERSONS_FIELD_NUMBER: _ClassVar[int]
    FLIP_TEST_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    SMOOTH_FIELD_NUMBER: _ClassVar[int]
    DETECT_EVERY_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    boxes: Boxes
    detect: bool
    person_threshold: float
    keypoint_threshold: float
    max_persons: int
    flip_test: bool
    image_id: ImageId
    timeout_ms: int
    track: bool
    smooth: bool
    detect_every: int
    frame_rate: float
    def __init__(self, boxes: _Optional[_Union[Boxes, _Mapping]] = ..., detect: _Optional[bool] = ..., person_threshold: _Optional[float] = ..., keypoint_threshold: _Optional[float] = ..., max_persons: _Optional[int] = ..., flip_test: _Optional[bool] = ..., image_id: _Optional[_Union[ImageId, _Mapping]] = ..., timeout_ms: _Optional[int] = ..., track: _Optional[bool] = ..., smooth: _Optional[bool] = ..., detect_every: _Optional[int] = ..., frame_rate: _Optional[float] = ...) -> None: ...

class EstimateResponse(_message.Message):
    __slots__ = ("model", "images", "results", "timings_ms", "request_id")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    model: ModelNames
    images: _containers.RepeatedCompositeFieldContainer[Image]
    results: _containers.RepeatedCompositeFieldContainer[PoseResult]
    timings_ms: Timings
    request_id: str
    def __init__(self, model: _Optional[_Union[ModelNames, _Mapping]] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[PoseResult, _Mapping]]] = ..., timings_ms: _Optional[_Union[Timings, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ModelNames(_message.Message):
    __slots__ = ("name", "version", "detector")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DETECTOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    detector: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., detector: _Optional[str] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("id", "width", "height", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: ImageId
    width: int
    height: int
    error: Problem
    def __init__(self, id: _Optional[_Union[ImageId, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., error: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("type", "title", "status", "detail")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    type: str
    title: str
    status: int
    detail: str
    def __init__(self, type: _Optional[str] = ..., title: _Optional[str] = ..., status: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...

class PoseResult(_message.Message):
    __slots__ = ("image_id", "category_id", "bbox", "bbox_score", "score", "keypoints", "track_id")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_ID_FIELD_NUMBER: _ClassVar[int]
    BBOX_FIELD_NUMBER: _ClassVar[int]
    BBOX_SCORE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    KEYPOINTS_FIELD_NUMBER: _ClassVar[int]
    TRACK_ID_FIELD_NUMBER: _ClassVar[int]
    image_id: ImageId
    category_id: int
    bbox: _containers.RepeatedScalarFieldContainer[float]
    bbox_score: float
    score: float
    keypoints: _containers.RepeatedScalarFieldContainer[float]
    track_id: int
    def __init__(self, image_id: _Optional[_Union[ImageId, _Mapping]] = ..., category_id: _Optional[int] = ..., bbox: _Optional[_Iterable[float]] = ..., bbox_score: _Optional[float] = ..., score: _Optional[float] = ..., keypoints: _Optional[_Iterable[float]] = ..., track_id: _Optional[int] = ...) -> None: ...

class Timings(_message.Message):
    __slots__ = ("decode", "detect", "queue", "estimate", "total")
    DECODE_FIELD_NUMBER: _ClassVar[int]
    DETECT_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    decode: float
    detect: float
    queue: float
    estimate: float
    total: float
    def __init__(self, decode: _Optional[float] = ..., detect: _Optional[float] = ..., queue: _Optional[float] = ..., estimate: _Optional[float] = ..., total: _Optional[float] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "task", "version", "architecture", "sha256", "input_size", "runtime", "device", "precision", "keypoint_names", "skeleton", "licence", "accuracy", "max_batch", "batch_ms")
    class AccuracyEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Accuracy
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Accuracy, _Mapping]] = ...) -> None: ...
    class BatchMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: float
        def __init__(self, key: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    INPUT_SIZE_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    KEYPOINT_NAMES_FIELD_NUMBER: _ClassVar[int]
    SKELETON_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    BATCH_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    task: str
    version: str
    architecture: str
    sha256: str
    input_size: InputSize
    runtime: str
    device: str
    precision: str
    keypoint_names: _containers.RepeatedScalarFieldContainer[str]
    skeleton: _containers.RepeatedCompositeFieldContainer[Edge]
    licence: str
    accuracy: _containers.MessageMap[str, Accuracy]
    max_batch: int
    batch_ms: _containers.ScalarMap[int, float]
    def __init__(self, name: _Optional[str] = ..., task: _Optional[str] = ..., version: _Optional[str] = ..., architecture: _Optional[str] = ..., sha256: _Optional[str] = ..., input_size: _Optional[_Union[InputSize, _Mapping]] = ..., runtime: _Optional[str] = ..., device: _Optional[str] = ..., precision: _Optional[str] = ..., keypoint_names: _Optional[_Iterable[str]] = ..., skeleton: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., licence: _Optional[str] = ..., accuracy: _Optional[_Mapping[str, Accuracy]] = ..., max_batch: _Optional[int] = ..., batch_ms: _Optional[_Mapping[int, float]] = ...) -> None: ...

class InputSize(_message.Message):
    __slots__ = ("width", "height")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Accuracy(_message.Message):
    __slots__ = ("figures",)
    class FiguresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    figures: _containers.ScalarMap[str, float]
    def __init__(self, figures: _Optional[_Mapping[str, float]] = ...) -> None: ...
