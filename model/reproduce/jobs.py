"""What a reproduction trains: a recipe for every row and seed, at the scale that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from model.config import Recipe, RecipeError, ScheduleRecipe, read_recipe
from model.network_recipes import AnyNetwork
from model.reproduce.tables import Row, Table

RECIPES = Path(__file__).parents[1] / "recipes"
SETTINGS = RECIPES / "settings"


@dataclass(frozen=True)
class Scale:
    """How much less, or other, than the paper.

    Attributes:
        setting: a TOML file whose keys replace those of every row's recipe.
        epochs: instead of the recipe's; milestones and cool-down move along.
        people: how many people of each training source are used.
        seeds: how often each row is trained, from the recipe's seed on.
        rows: names of recipes; all rows of the table without.
    """

    setting: Path | None = None
    epochs: int | None = None
    people: int | None = None
    seeds: int = 1
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        row: of the table.
        recipe: complete, with the seed.
        folder: of the run, below the reproduction's output; tables that share a row share it.
    """

    row: Row
    recipe: Recipe
    folder: Path


def plan_jobs(table: Table, scale: Scale, output: Path) -> list[Job]:
    """All trainings of a table: every row with the first seed, then every row with the next.

    Raises:
        RecipeError: a row is not the table's, a recipe does not take the scale, or the scale makes two rows one.
    """
    rows = _chosen(table, scale.rows)
    recipes = [_scaled(read_recipe(RECIPES / f"{row.recipe}.toml", scale.setting), scale) for row in rows]
    _check_difference(recipes)
    return [
        Job(row, _seeded(recipe, number), output / row.recipe / f"seed-{recipe.seed + number}")
        for number in range(scale.seeds)
        for row, recipe in zip(rows, recipes, strict=True)
    ]


def find_setting(name: str | None) -> Path | None:
    """The file of a setting given by its name in model/recipes/settings or by its path; None for none."""
    if name is None:
        return None
    named = SETTINGS / f"{name}.toml"
    return named if named.is_file() else Path(name)


def weights_key(network: AnyNetwork) -> str:
    """What `--initial-weights KEY=FILE` calls a network: its trunk, or itself where it has none."""
    return str(getattr(network, "trunk", network.architecture))


def _chosen(table: Table, names: Sequence[str]) -> list[Row]:
    known = [row.recipe for row in table.rows]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RecipeError(f"{table.name} has no row {unknown[0]!r}; its rows are {', '.join(known)}")
    return [row for row in table.rows if not names or row.recipe in names]


def _scaled(recipe: Recipe, scale: Scale) -> Recipe:
    training = recipe.training
    if scale.people is not None:
        training = tuple(source.model_copy(update={"people": scale.people}) for source in training)
    schedule = recipe.schedule if scale.epochs is None else _shortened(recipe.schedule, scale.epochs)
    return recipe.model_copy(update={"training": training, "schedule": schedule})


def _shortened(schedule: ScheduleRecipe, epochs: int) -> ScheduleRecipe:
    share = epochs / schedule.epochs
    milestones = tuple(round(milestone * share) for milestone in schedule.milestones)
    cooldown = round(schedule.cooldown_epochs * share)
    return schedule.model_copy(update={"epochs": epochs, "milestones": milestones, "cooldown_epochs": cooldown})


def _check_difference(recipes: Sequence[Recipe]) -> None:
    for first, second in combinations(recipes, 2):
        if first == second.model_copy(update={"name": first.name}):
            raise RecipeError(
                f"at this scale {first.name} and {second.name} are one training; choose rows with --row, or leave "
                "what they differ in out of the setting"
            )


def _seeded(recipe: Recipe, number: int) -> Recipe:
    return recipe.model_copy(update={"seed": recipe.seed + number})
