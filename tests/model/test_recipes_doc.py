"""docs/recipes.md: every table that it shows is one."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from pydantic import TypeAdapter

from model.config import CodecRecipe, DistillationRecipe, OptimiserRecipe, ScheduleRecipe
from model.contract.codec import Alignment, Centre, Decoder
from model.loss_recipes import AnyLoss, LossRecipe
from model.network_recipes import AnyNetwork, NetworkRecipe

DOCUMENT = Path(__file__).parents[2] / "docs" / "recipes.md"
CODEC = {"input_size": [192, 256], "sigma": 2, "alignment": "stride", "centre": "exact", "decoder": "dark"}


def rows(section: str) -> list[dict[str, Any]]:
    """Every table row's code, read together as TOML."""
    text = DOCUMENT.read_text().partition(f"## `[{section}]`")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    return [tomllib.loads("\n".join(_settings(line.split(" | ", 1)[1]))) for line in lines]


def _settings(cell: str) -> list[str]:
    return re.findall(r"`(\w+ = [^`]+)`", cell)


def kinds_of(union: object) -> set[str]:
    return {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(union)}


def test_every_network_is_one_and_none_is_left_out() -> None:
    networks = [TypeAdapter(NetworkRecipe).validate_python(row) for row in rows("network")]
    assert {network.kind for network in networks} == kinds_of(AnyNetwork)


def test_every_loss_is_one_and_none_is_left_out() -> None:
    losses = [TypeAdapter(LossRecipe).validate_python(row) for row in rows("loss")]
    assert {loss.kind for loss in losses} == kinds_of(AnyLoss)


@pytest.mark.parametrize(("key", "choices"), [("alignment", Alignment), ("centre", Centre), ("decoder", Decoder)])
def test_every_choice_of_the_codec_is_shown(key: str, choices: object) -> None:
    text = DOCUMENT.read_text().partition("## `[codec]`")[2]
    shown = re.findall(rf'`{key} = "(\w+)"`', text)
    assert sorted(shown) == sorted(get_args(choices))


def test_every_schedule_optimiser_and_distillation_is_one() -> None:
    kinds = {"optimiser": OptimiserRecipe, "schedule": ScheduleRecipe, "distillation": DistillationRecipe}
    text = DOCUMENT.read_text().partition("## `[optimiser]`")[2]
    shown = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and "`[" in line]
    assert {table.strip("`[]") for _, table, _ in shown} == set(kinds)
    for _, table, keys in shown:
        settings = tomllib.loads("\n".join(_settings(keys)))
        assert settings == kinds[table.strip("`[]")].model_validate(settings).model_dump(
            exclude_unset=True, mode="json"
        )


def test_beta_and_the_shift_are_the_codecs() -> None:
    text = DOCUMENT.read_text().partition("## `[codec]`")[2]
    shown = tomllib.loads("\n".join(re.findall(r"`((?:beta|flip_shift) = (?:true|\d+))`", text)))
    recipe = CodecRecipe.model_validate(CODEC | shown | {"decoder": "soft_argmax"})
    assert recipe.build().beta == 160
    assert recipe.shifts_mirrored
