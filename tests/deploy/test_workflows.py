"""The CI of a public forge calls what is there: make targets, targets of the Dockerfile; and has few rights."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
MAKEFILE = (REPOSITORY / "Makefile").read_text()
CHANGELOG = REPOSITORY / ".ci/changelog.py"

Job = dict[str, Any]


def read(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text())


def jobs() -> list[tuple[str, Job]]:
    return [(f"{path.stem}/{name}", job) for path in WORKFLOWS for name, job in read(path)["jobs"].items()]


def commands_of(job: Job) -> list[str]:
    """The job's commands, one for each value of its matrix."""
    commands = [step["run"] for step in job["steps"] if "run" in step]
    for name, values in job.get("strategy", {}).get("matrix", {}).items():
        place = f"${{{{ matrix.{name} }}}}"
        commands = [
            command.replace(place, str(value))
            for command in commands
            for value in (values if place in command else values[:1])
        ]
    return commands


RIGHTS = {
    "docs.yml": {"publish": {"pages": "write", "id-token": "write"}},
    "release.yml": {"release": {"contents": "write"}},
}
"""What a job may do beyond reading."""


def test_there_are_all_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "docs.yml", "release.yml"]


def test_the_site_is_published_from_main_alone_and_as_it_was_built() -> None:
    workflow = read(REPOSITORY / ".github/workflows/docs.yml")
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert commands_of(build) == ["make docs"]
    assert publish["if"] == "github.ref == 'refs/heads/main'"
    assert publish["needs"] == "build"
    (path,) = [step["with"]["path"] for step in build["steps"] if "upload-pages" in step.get("uses", "")]
    config = (REPOSITORY / "docs/site/mkdocs.yml").read_text()
    (site,) = re.findall(r"^site_dir: (\S+)$", config, re.MULTILINE)
    assert (REPOSITORY / "docs/site" / site).resolve() == REPOSITORY / path


@pytest.mark.parametrize(("name", "job"), jobs())
def test_make_targets_exist(name: str, job: Job) -> None:
    commands = commands_of(job)
    assert commands or name == "docs/publish", name
    for command in commands:
        words = command.split()
        assert words[0] in {"make", "docker", "gh"}, command
        if words[0] == "make":
            assert re.search(rf"^{re.escape(words[1])}:", MAKEFILE, re.MULTILINE), command


def test_style_types_and_tests_are_run_for_a_change() -> None:
    ci = read(REPOSITORY / ".github/workflows/ci.yml")
    always = {command for job in ci["jobs"].values() if "if" not in job for command in commands_of(job)}
    assert always >= {"make lint", "make types", "make test-server PYTHON=python", "make test-train", "make release"}
    nightly = set(commands_of(ci["jobs"]["nightly"]))
    slow = set(re.findall(r"^(test-[a-z-]+):", MAKEFILE, re.MULTILINE)) - {"test-server", "test-train"}
    assert {command.split()[1] for command in nightly} <= slow


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_more(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert rights == RIGHTS.get(path.name, {})
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 120, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_the_forges_own_at_a_commit_that_says_its_version(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action


def test_an_action_is_the_same_everywhere() -> None:
    used = {action for path in WORKFLOWS for action in re.findall(r"uses: (.*)", path.read_text())}
    names = [action.partition("@")[0] for action in used]
    assert len(names) == len(set(names)), sorted(used)


@pytest.mark.parametrize(("name", "job"), jobs())
def test_no_job_keeps_a_token_or_runs_what_a_stranger_wrote(name: str, job: Job) -> None:
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name
        assert "${{ github.event" not in step.get("run", ""), f"{name}: what a stranger wrote would be run"


def test_the_built_targets_are_those_of_the_dockerfile() -> None:
    dockerfile = REPOSITORY / "docker/Dockerfile"
    wanted = {target for _, job in jobs() for c in commands_of(job) for target in re.findall(r"--target (\w+)", c)}
    assert wanted
    assert wanted <= set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile.read_text(), re.MULTILINE))


def run_changelog(folder: Path, changelog: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`.ci/changelog.py` of a project of version 1.2.3."""
    (folder / ".ci").mkdir()
    script = folder / ".ci/changelog.py"
    script.write_text(CHANGELOG.read_text())
    (folder / "CHANGELOG.md").write_text(changelog)
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, check=False)


LOG = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.2.3] - 2026-01-01\n\n- old\n\n## [1.2.2]\n\n- older\n"


@pytest.mark.parametrize(("arguments", "printed"), [([], "- new\n"), ([""], "- new\n"), (["v1.2.3"], "- old\n")])
def test_the_notes_of_a_release_are_its_section(tmp_path: Path, arguments: list[str], printed: str) -> None:
    assert run_changelog(tmp_path, LOG, *arguments).stdout == printed


@pytest.mark.parametrize(
    ("changelog", "tag", "complaint"),
    [
        (LOG, "v1.2.4", "the tag is v1.2.4 and pyproject.toml has version 1.2.3"),
        ("## [Unreleased]\n\n- new\n", "v1.2.3", "no section [1.2.3]"),
        ("## [1.2.3]\n\n## [1.2.2]\n- older\n", "v1.2.3", "or nothing in it"),
    ],
)
def test_a_release_without_its_section_is_refused(tmp_path: Path, changelog: str, tag: str, complaint: str) -> None:
    ended = run_changelog(tmp_path, changelog, tag)
    assert ended.returncode == 1
    assert complaint in ended.stderr
