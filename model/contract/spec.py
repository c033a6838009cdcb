"""Bundle specs: all the facts about a network that the server needs, in one `spec.json` beside its graphs.

A bundle is a folder: `spec.json`, `model.onnx`, optionally `model.int8.onnx`, `model.pt2`, `model.safetensors`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from model.contract.codec import HeatmapCodec
from model.contract.crop import Size
from model.contract.skeleton import Skeleton

SPEC_VERSION = 1
SPEC_FILE = "spec.json"

LARGEST_AP_LOSS = 0.005
"""AP, as a fraction, that a faster precision may lose against fp32."""


class BundleError(ValueError):
    """A bundle that cannot be used; the message says which, what is wrong and what to do."""


def keeps_ap(full: float, faster: float) -> bool:
    """Whether a precision of AP `faster` may stand for fp32, whose AP is `full`; both have four decimals in a spec."""
    return round(full - faster, 4) <= LARGEST_AP_LOSS


@dataclass(frozen=True)
class Provenance:
    """Where a network comes from and what was measured of it.

    Attributes:
        name: the bundle's name.
        version: its version.
        architecture: the network, for example `fasterpose-resnet18`.
        licence: SPDX expression of the weights, with what they were trained from in `training`.
        training: free facts: data and their licences, initial weights, samples, hours, commit, command.
        accuracy: precision (`fp32`, `bf16`, `int8`) -> measured figures on named validation files.
        files: graph or weights file name -> sha256 in hex.
    """

    name: str
    version: str
    architecture: str
    licence: str
    training: dict[str, Any]
    accuracy: dict[str, dict[str, float]]
    files: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class PoseSpec:
    """A pose network: uint8 RGB crops in, heatmaps out.

    The graph's input is (N, height, width, 3) uint8 RGB; mean and std are applied inside it. Its output is
    (N, K, heatmap height, heatmap width) float32 heatmaps, sigmoid applied.

    Attributes:
        provenance: name, version, licence, measured accuracy, file hashes.
        skeleton: keypoint names, edges, flip pairs and sigmas.
        codec: input size, heatmap size, sigma, alignment and decoder.
        box_padding: factor by which a person's box grows before it is cropped.
        mean: RGB mean that the graph subtracts, in units of 0..1.
        std: RGB standard deviation that the graph divides by, in units of 0..1.
        flip_shift: whether the mirrored heatmaps move one pixel to the right before averaging (only
            the `stride` alignment needs it).
    """

    provenance: Provenance
    skeleton: Skeleton
    codec: HeatmapCodec
    box_padding: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip_shift: bool = False

    @property
    def input_size(self) -> Size:
        """(width, height) of the crop in pixels."""
        return self.codec.input_size


@dataclass(frozen=True)
class DetectorSpec:
    """A person detector: one letterboxed uint8 RGB image in, scored boxes out.

    The graph's input is (N, height, width, 3) uint8 RGB. Its output is float32 in letterbox pixels:
    `boxes_scores`, (N, M, 5) rows of x1, y1, x2, y2, score. `needs_nms` says whether
    overlapping rows remain to be suppressed.

    Attributes:
        provenance: name, version, licence, measured accuracy, file hashes.
        input_size: (width, height) of the letterboxed image in pixels; the largest, where rectangles are taken.
        needs_nms: whether the graph's boxes still overlap (False for an NMS-free head).
        nms_iou: boxes that overlap a better one by more than this IoU are dropped.
        score_floor: rows below this score are dropped before anything else.
        stride: the graph takes every rectangle of at most `input_size` whose sides are multiples of this; 0: it takes
            `input_size` alone.
    """

    provenance: Provenance
    input_size: Size
    needs_nms: bool
    nms_iou: float = 0.6
    score_floor: float = 0.05
    stride: int = 0


Kind = Literal["pose", "detector"]


def write_spec(folder: Path, spec: PoseSpec | DetectorSpec) -> None:
    """Write `spec.json` into a bundle folder, with the sha256 of every file that lies there."""
    files = {
        path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != SPEC_FILE
    }
    content = asdict(spec)
    content["provenance"]["files"] = files
    kind: Kind = "pose" if isinstance(spec, PoseSpec) else "detector"
    text = json.dumps({"spec_version": SPEC_VERSION, "kind": kind, **content}, indent=1)
    (folder / SPEC_FILE).write_text(text + "\n")


def load_spec(folder: Path) -> PoseSpec | DetectorSpec:
    """Read and check the spec of a bundle of either kind.

    Raises:
        BundleError: no bundle, an unknown version or key, a file whose hash does not fit.
    """
    try:
        kind = json.loads((folder / SPEC_FILE).read_text())["kind"]
    except FileNotFoundError as error:
        raise BundleError(f"{folder.name} is not a model bundle: it holds no {SPEC_FILE}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _malformed(folder, error) from error
    return load_detector_spec(folder) if kind == "detector" else load_pose_spec(folder)


def load_pose_spec(folder: Path) -> PoseSpec:
    """Read and check the spec of a pose bundle.

    Raises:
        BundleError: no bundle, another kind, an unknown version or key, a file whose hash does not fit.
    """
    content = _read_spec(folder, "pose")
    try:
        codec = content.pop("codec")
        codec |= {key: tuple(codec[key]) for key in ("input_size", "heatmap_size")}
        return PoseSpec(
            provenance=Provenance(**content.pop("provenance")),
            skeleton=_skeleton(content.pop("skeleton")),
            codec=HeatmapCodec(**codec),
            mean=tuple(content.pop("mean")),
            std=tuple(content.pop("std")),
            **content,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(folder, error) from error


def load_detector_spec(folder: Path) -> DetectorSpec:
    """Read and check the spec of a detector bundle.

    Raises:
        BundleError: no bundle, another kind, an unknown version or key, a file whose hash does not fit.
    """
    content = _read_spec(folder, "detector")
    try:
        provenance = Provenance(**content.pop("provenance"))
        return DetectorSpec(provenance=provenance, input_size=tuple(content.pop("input_size")), **content)
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(folder, error) from error


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_spec(folder: Path, kind: Kind) -> dict[str, Any]:
    path = folder / SPEC_FILE
    if not path.is_file():
        raise BundleError(f"{folder.name} is not a model bundle: it holds no {SPEC_FILE}")
    try:
        content = json.loads(path.read_text())
        version, found_kind = content.pop("spec_version"), content.pop("kind")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _malformed(folder, error) from error
    if version != SPEC_VERSION:
        raise BundleError(f"bundle {folder.name} has spec version {version}; this release reads {SPEC_VERSION}")
    if found_kind != kind:
        raise BundleError(f"bundle {folder.name} holds a {found_kind} network, not a {kind} network")
    try:
        _check_hashes(folder, content["provenance"]["files"])
    except (KeyError, TypeError, AttributeError) as error:
        raise _malformed(folder, error) from error
    return content


def _check_hashes(folder: Path, files: dict[str, str]) -> None:
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"bundle {folder.name} lacks {name}, which its spec names; export it again")
        if sha256_of(path) != expected:
            raise BundleError(
                f"bundle {folder.name}: the sha256 of {name} differs from its spec; the file is "
                "damaged or was replaced, so copy or export the bundle again"
            )


def _skeleton(content: dict[str, Any]) -> Skeleton:
    return Skeleton(
        name=content["name"],
        keypoint_names=tuple(content["keypoint_names"]),
        edges=tuple((a, b) for a, b in content["edges"]),
        flip_pairs=tuple((left, right) for left, right in content["flip_pairs"]),
        sigmas=tuple(content["sigmas"]),
        upper_body=tuple(content["upper_body"]),
    )


def _malformed(folder: Path, error: Exception) -> BundleError:
    return BundleError(f"the spec of bundle {folder.name} cannot be read ({error!r}); export the bundle again")
