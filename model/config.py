"""Recipes: one TOML file a published training run, read strictly."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field, ValidationError, field_validator, model_validator

from model.contract.codec import Alignment, Centre, Decoder, HeatmapCodec
from model.loss_recipes import DsntRecipe, IntegralRecipe, LossRecipe, MseRecipe, OhkmRecipe, RceRecipe
from model.network_recipes import NetworkRecipe
from model.section import Positive, Probability, Section, Share
from model.skeleton_recipe import SkeletonRecipe

COARSEST_STRIDE = 32
"""The coarsest features of any network."""

HALF_BODY_MIN_JOINTS = 8
"""Half-body augmentation wants more labelled joints than this."""


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the file, the key and what is wrong."""


class CodecRecipe(Section):
    """Crop and heatmap; see `model.contract.codec.HeatmapCodec`. Sizes are (width, height) in pixels.

    Attributes:
        heatmap_stride: input pixels a heatmap pixel; the network's.
        flip_shift: whether the flip test moves the mirrored heatmaps one pixel to the right; by default where the
            alignment lags, with `stride`.
    """

    input_size: tuple[int, int]
    sigma: Positive
    alignment: Alignment
    centre: Centre
    decoder: Decoder
    box_padding: Positive = 1.25
    heatmap_stride: Annotated[int, Field(ge=1)] = 4
    beta: Positive | None = None
    flip_shift: bool | None = None

    @field_validator("input_size")
    @classmethod
    def _fits_the_trunk(cls, size: tuple[int, int]) -> tuple[int, int]:
        if any(side < COARSEST_STRIDE or side % COARSEST_STRIDE for side in size):
            raise ValueError(f"{list(size)} does not fit; width and height must be multiples of {COARSEST_STRIDE}")
        return size

    @model_validator(mode="after")
    def _is_a_codec(self) -> "CodecRecipe":
        self.build()
        return self

    @property
    def shifts_mirrored(self) -> bool:
        """`flip_shift`, or its default."""
        return self.alignment == "stride" if self.flip_shift is None else self.flip_shift

    def build(self) -> HeatmapCodec:
        """The codec."""
        width, height = self.input_size
        heatmap_size = (width // self.heatmap_stride, height // self.heatmap_stride)
        return HeatmapCodec(
            self.input_size, heatmap_size, self.sigma, self.alignment, self.centre, self.decoder, self.beta
        )


class AugmentationRecipe(Section):
    """How the crop window varies; the defaults are the paper's (section 4.1) on COCO.

    Attributes:
        scale: standard deviation and bound of the window's relative size, below 1.
        rotation: standard deviation in degrees; bounded at twice that.
        rotation_probability: how often the window turns at all.
        flip_probability: how often the crop is mirrored.
        half_body_probability: how often only the upper or lower body is shown, given more than 8 labelled joints.
        shift: standard deviation of the window's centre, as a share of its size (0 in the paper).
        brightness: bound of the relative change of brightness and contrast (0 in the paper).
    """

    scale: Share = 0.35
    rotation: Annotated[float, Field(ge=0, le=180)] = 45
    rotation_probability: Probability = 0.6
    flip_probability: Probability = 0.5
    half_body_probability: Probability = 0.3
    shift: Probability = 0.0
    brightness: Probability = 0.0


class OptimiserRecipe(Section):
    """Adam (the paper) or AdamW; weight decay belongs to AdamW.

    Attributes:
        kind: which of the two.
        learning_rate: the schedule's highest.
        weight_decay: for `adamw`.
        clip_norm: longest gradient, all parameters together; longer ones are shortened to it. None is by default.
        epsilon: what Adam adds to a gradient's root mean square. The loss is a mean over pixels, so that gradients
            of a convolution are about 1e-8, those of fresh stages 1e-12: torch's 1e-8 all but stops these.
    """

    kind: Literal["adam", "adamw"] = "adam"
    learning_rate: Positive = 1e-3
    epsilon: Positive = 1e-8
    clip_norm: Positive | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _ignores_nothing(self) -> "OptimiserRecipe":
        if self.kind == "adam" and self.weight_decay:
            raise ValueError("weight_decay belongs to adamw; adam takes none")
        return self


class ScheduleRecipe(Section):
    """Length and learning rate.

    Attributes:
        epochs: passes over the training samples.
        epoch_samples: how many samples a pass takes, drawn anew each time; by default all.
        batch_size: samples a step, on all processes and in all parts together.
        accumulate: parts of a step's samples that are computed one after another, for batches beyond the memory.
        rounds: how often the whole schedule runs (LPN's iterative training, arXiv 1911.10346); from the second on it
            starts from the best weights so far, with a fresh optimiser.
        kind: `steps` multiplies by `factor` at each milestone; `cosine` falls to zero; `cooldown` stays, then falls
            to zero along a line, so that a run can be made longer or shorter until it falls.
        milestones: epochs, for `steps`.
        factor: multiplier at a milestone.
        cooldown_epochs: the last epochs, over which `cooldown` falls.
        warmup_steps: steps over which the learning rate rises linearly from zero.
        ema_decay: decay of the averaged weights that are evaluated and exported; none without.
    """

    epochs: Annotated[int, Field(ge=1)]
    epoch_samples: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)]
    accumulate: Annotated[int, Field(ge=1)] = 1
    rounds: Annotated[int, Field(ge=1)] = 1
    kind: Literal["steps", "cosine", "cooldown"] = "steps"
    milestones: tuple[int, ...] = ()
    factor: Positive = 0.1
    cooldown_epochs: Annotated[int, Field(ge=0)] = 0
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _ignores_nothing(self) -> "ScheduleRecipe":
        if self.kind != "steps" and self.milestones:
            raise ValueError(f"milestones belong to steps; a {self.kind} takes none")
        if self.kind != "cooldown" and self.cooldown_epochs:
            raise ValueError(f"cooldown_epochs belong to cooldown; {self.kind} takes none")
        if self.cooldown_epochs > self.epochs:
            raise ValueError(f"{self.cooldown_epochs} cooldown_epochs are more than the {self.epochs} epochs")
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate is {self.accumulate}; a batch of {self.batch_size} has not so many parts")
        return self


class DistillationRecipe(Section):
    """Learning from a bundle, which `--teacher` names.

    Attributes:
        weight: of the loss against the teacher's heatmaps, for all joints; the labels keep the rest.
    """

    weight: Probability = 0.5


class TrainingSource(Section):
    """A file of people to train on, relative to the data folder; each person occurs `repeat` times.

    Attributes:
        people: how many of its people are used, evenly spread over the file; by default all.
        format: `coco`, or `mpii` for the JSON list of MPII (`model.data.mpii`).
    """

    annotations: Path
    images: Path
    repeat: Annotated[int, Field(ge=1)] = 1
    people: Annotated[int, Field(ge=1)] | None = None
    format: Literal["coco", "mpii"] = "coco"


class ValidationSource(Section):
    """A file to validate on.

    Attributes:
        metric: `ap` is COCO AP on ground-truth boxes, `pck` is PCK@0.2, both of a COCO-format file; `pckh` is
            MPII's PCKh, of its JSON list.
        ground_truth: MPII's `gt_valid.mat`; `pckh` needs it.
    """

    name: str
    annotations: Path
    images: Path
    metric: Literal["ap", "pck", "pckh"]
    ground_truth: Path | None = None

    @model_validator(mode="after")
    def _has_its_truth(self) -> "ValidationSource":
        if (self.metric == "pckh") != (self.ground_truth is not None):
            raise ValueError("metric pckh needs ground_truth (gt_valid.mat), and no other metric takes it")
        return self


class Recipe(Section):
    """A training run, complete."""

    name: str
    seed: Annotated[int, Field(ge=0)] = 0
    skeleton: SkeletonRecipe = SkeletonRecipe()
    network: NetworkRecipe
    codec: CodecRecipe
    loss: LossRecipe
    augmentation: AugmentationRecipe = AugmentationRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()
    schedule: ScheduleRecipe
    distillation: DistillationRecipe | None = None
    training: Annotated[tuple[TrainingSource, ...], Field(min_length=1)]
    validation: tuple[ValidationSource, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        stride = self.network.heatmap_stride
        if self.codec.heatmap_stride != stride:
            raise ValueError(f"codec.heatmap_stride must be {stride}, that of {self.network.architecture}")
        if isinstance(self.loss, IntegralRecipe | DsntRecipe) and self.codec.centre != "exact":
            raise ValueError(f"loss {self.loss.kind} reads positions off the targets; codec.centre must be exact")
        if self.distillation is not None and not isinstance(self.loss, RceRecipe | MseRecipe | OhkmRecipe):
            raise ValueError(f"distillation teaches heatmaps; loss {self.loss.kind} is not rce, mse or ohkm")
        if self.schedule.rounds > 1 and not self.validation:
            raise ValueError("schedule.rounds start from the best weights; a [[validation]] must say which these are")
        skeleton, half_body = self.skeleton.build(), self.augmentation.half_body_probability > 0
        if half_body and skeleton.num_keypoints > HALF_BODY_MIN_JOINTS and not skeleton.upper_body:
            raise ValueError("skeleton.upper_body is empty; list it, or set augmentation.half_body_probability to 0")
        return self


def read_recipe(path: Path, setting: Path | None = None) -> Recipe:
    """Read a recipe file; its name is the recipe's unless `name` stands in it.

    Args:
        path: the file.
        setting: a TOML file of some of a recipe's tables; its keys replace the recipe's, table by table.

    Raises:
        RecipeError: no such file, not TOML, an unknown key, a value out of its range; all are named.
    """
    content = {"name": path.stem} | _read_tables(path)
    if setting is not None:
        content = _replace_keys(content, _read_tables(setting))
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        place = f"{path}" if setting is None else f"{path} with {setting}"
        raise RecipeError(f"recipe {place}: {_explain(error)}") from error


def _read_tables(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise RecipeError(f"recipe {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise RecipeError(f"recipe {path} is not valid TOML: {error}") from error


def _replace_keys(content: dict[str, object], setting: dict[str, object]) -> dict[str, object]:
    replaced = {name: _replace_table(content.get(name), value) for name, value in setting.items()}
    return content | replaced


def _replace_table(old: object, new: object) -> object:
    both = isinstance(old, dict) and isinstance(new, dict)
    return cast("dict[str, object]", old) | cast("dict[str, object]", new) if both else new


def _explain(error: ValidationError) -> str:
    problems = [f"{_place(item['loc'])}: {item['msg']}" for item in error.errors()]
    return "; ".join(problems).replace("Extra inputs are not permitted", "unknown key")


def _place(location: tuple[int | str, ...]) -> str:
    """The key in the file: within a table that has kinds, pydantic names the kind behind the table."""
    table, *rest = location or ("the recipe",)
    return ".".join(map(str, (table, *(rest[1:] if table in {"network", "loss"} else rest))))
