"""The `[loss]` table of a recipe: one class a loss, told apart by `kind`; see `model.losses` for what they compute."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from model.cross_entropy import MaskName
from model.section import Section, Share

Alpha = Annotated[float, Field(gt=0, lt=1)]


class RceRecipe(Section):
    """Regressive cross entropy, the paper's loss."""

    kind: Literal["rce"]
    alpha: Alpha = 0.7
    gamma: Annotated[float, Field(ge=0)] = 1.0
    positive_threshold: Share = 0.01

    @field_validator("gamma")
    @classmethod
    def _has_a_gradient(cls, gamma: float) -> float:
        if 0 < gamma < 1:
            raise ValueError("must be 0 or at least 1")
        return gamma


class MseRecipe(Section):
    """SimpleBaseline's half squared error."""

    kind: Literal["mse"]


class OhkmRecipe(Section):
    """The squared error of each person's hardest keypoints alone (CPN)."""

    kind: Literal["ohkm"]
    hard_keypoints: Annotated[int, Field(ge=1)] = 8


class CeOneHotRecipe(Section):
    """Cross entropy of every pixel, one of them positive; without alpha, pixels are not balanced."""

    kind: Literal["ce_one_hot"]
    alpha: Alpha | None = None


class CeMaskRecipe(Section):
    """Cross entropy of every pixel, a disk of them positive; without alpha, pixels are not balanced."""

    kind: Literal["ce_mask"]
    mask: MaskName = "gaussian"
    alpha: Alpha | None = None


class CeSoftmaxRecipe(Section):
    """Cross entropy of a softmax over the pixels (PoseFix)."""

    kind: Literal["ce_softmax"]


class IntegralRecipe(Section):
    """L1 distance of the softmax's expected position (integral pose regression)."""

    kind: Literal["integral"]


class DsntRecipe(Section):
    """Distance of the expected position, and how far the softmax is from the target's Gaussian (DSNT)."""

    kind: Literal["dsnt"]
    regularisation: Annotated[float, Field(ge=0)] = 1.0


AnyLoss = (
    RceRecipe | MseRecipe | OhkmRecipe | CeOneHotRecipe | CeMaskRecipe | CeSoftmaxRecipe | IntegralRecipe | DsntRecipe
)

LossRecipe = Annotated[AnyLoss, Field(discriminator="kind")]
"""The loss's table."""
