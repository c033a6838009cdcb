"""Which trainings a scale asks for."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.config import RecipeError
from model.reproduce.jobs import SETTINGS, Scale, find_setting, plan_jobs, weights_key
from model.reproduce.tables import FIGURE5, TABLE2, TABLE6, TABLES


def test_without_a_scale_the_recipes_are_the_papers(tmp_path: Path) -> None:
    jobs = plan_jobs(TABLE6, Scale(), tmp_path)
    assert [job.row for job in jobs] == list(TABLE6.rows)
    assert {job.recipe.schedule.epochs for job in jobs} == {140}
    assert jobs[0].folder == tmp_path / "table6-mse" / "seed-0"


def test_seeds_come_one_round_after_the_other(tmp_path: Path) -> None:
    jobs = plan_jobs(TABLE6, Scale(seeds=2, rows=("table6-rce", "table6-mse")), tmp_path)
    assert [(job.row.recipe, job.recipe.seed) for job in jobs] == [
        ("table6-mse", 0),
        ("table6-rce", 0),
        ("table6-mse", 1),
        ("table6-rce", 1),
    ]
    assert [job.folder.name for job in jobs] == ["seed-0", "seed-0", "seed-1", "seed-1"]


def test_fewer_epochs_move_the_milestones_along(tmp_path: Path) -> None:
    job = plan_jobs(TABLE6, Scale(epochs=14), tmp_path)[0]
    assert (job.recipe.schedule.epochs, job.recipe.schedule.milestones) == (14, (9, 12))


def test_fewer_people_are_those_of_every_training_file(tmp_path: Path) -> None:
    setting = Scale(find_setting("small-data"), people=7)
    assert [source.people for source in plan_jobs(TABLE6, setting, tmp_path)[0].recipe.training] == [7, 7, 7]


@pytest.mark.parametrize("table", [TABLE6, TABLES["table5"], FIGURE5], ids=lambda table: table.name)
def test_the_small_setting_takes_every_row_and_leaves_their_difference(table: object, tmp_path: Path) -> None:
    assert isinstance(table, type(TABLE6))
    jobs = plan_jobs(table, Scale(find_setting("small-data")), tmp_path)
    assert {weights_key(job.recipe.network) for job in jobs} == {"resnet18"}
    assert {job.recipe.codec.input_size for job in jobs} == {(96, 128)}
    assert {job.recipe.augmentation.rotation for job in jobs} == {40}  # the row's own


def test_a_setting_that_makes_two_rows_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="coco-r50-256x192 and coco-r101-256x192 are one training; choose rows"):
        plan_jobs(TABLE2, Scale(find_setting("small-data"), rows=("coco-r50-256x192", "coco-r101-256x192")), tmp_path)


def test_a_row_of_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="table6 has no row 'table5-8x6'; its rows are table6-mse, "):
        plan_jobs(TABLE6, Scale(rows=("table5-8x6",)), tmp_path)


def test_a_setting_that_a_recipe_does_not_take_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text("[network]\nwidth = 32\n")
    with pytest.raises(RecipeError, match=r"table6-mse\.toml with .*odd\.toml: network\.width: unknown key"):
        plan_jobs(TABLE6, Scale(path), tmp_path)


def test_settings_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    assert find_setting("small-data") == SETTINGS / "small-data.toml"
    assert find_setting(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml"
    assert find_setting(None) is None


def test_networks_without_a_trunk_are_called_by_their_own_name(tmp_path: Path) -> None:
    keys = [weights_key(job.recipe.network) for job in plan_jobs(TABLE2, Scale(), tmp_path)]
    assert keys[:2] == ["resnet50", "resnet50"]
    assert keys[-2:] == ["lpn50", "lpn50"]
