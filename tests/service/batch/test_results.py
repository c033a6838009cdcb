import json
from pathlib import Path

import pytest

from service.batch.answers import Answer
from service.batch.results import ResultsFile
from service.settings import SettingsError

RECORD = {"model": {"name": "a", "precision": "int8"}, "options": {"max_persons": 100}}


def answer(image: str, failed: bool = False) -> Answer:
    entry = {"id": image} | ({"error": {"status": 400}} if failed else {"width": 3, "height": 2})
    return Answer(image, json.dumps({"image": entry, "results": []}).encode(), 0, failed)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two answers and an error."""
    results = ResultsFile(tmp_path / "deep" / "out.jsonl")
    results.check_record(RECORD)
    for each in (answer("a"), answer("b", failed=True), answer("c")):
        assert results.write(each)
    results.close()
    return tmp_path / "deep" / "out.jsonl"


def ids(path: Path) -> list[str]:
    return [json.loads(line)["image"]["id"] for line in path.read_text().splitlines()]


def test_an_image_has_one_line_however_often_it_is_answered(path: Path) -> None:
    results = ResultsFile(path)
    assert not results.write(answer("a"))
    assert results.write(answer("d"))
    results.close()
    assert ids(path) == ["a", "b", "c", "d"]


def test_wherever_the_writing_was_cut_off_every_image_ends_with_one_line(path: Path) -> None:
    whole = path.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for cut in range(last, len(whole) + 1):
        path.write_bytes(whole[:cut])
        results = ResultsFile(path)
        assert results.done == ({"a", "b", "c"} if cut == len(whole) else {"a", "b"})
        for each in (answer("a"), answer("b", failed=True), answer("c")):
            results.write(each)
        results.close()
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line", ["not json\n", "3\n", '{"image": 3}\n', '{"image": {"id": 3}}\n', '{"image": {"id": "a"}}\n', "\0\0\n"]
)
def test_a_line_that_no_job_wrote_is_named_and_nothing_is_cut_off(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line + json.dumps({"image": {"id": "z"}}) + "\n")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="line 4, is not what a job writes"):
        ResultsFile(path)
    assert path.read_bytes() == before


def test_a_file_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text('{"my": "notes"}')
    with pytest.raises(SettingsError, match="not the output of a job"):
        ResultsFile(tmp_path / "notes.jsonl")
    assert (tmp_path / "notes.jsonl").read_text() == '{"my": "notes"}'


def test_a_second_job_on_the_same_file_is_refused(path: Path) -> None:
    results = ResultsFile(path)
    with pytest.raises(SettingsError, match="another job writes"):
        ResultsFile(path)
    results.close()
    ResultsFile(path).close()


def test_answers_made_in_another_way_do_not_mix(path: Path) -> None:
    results = ResultsFile(path)
    results.check_record(RECORD)
    with pytest.raises(SettingsError, match="begun with model precision 'int8', and now it is 'fp32'"):
        results.check_record(RECORD | {"model": {"name": "a", "precision": "fp32"}})
    results.close()


def test_errors_are_forgotten_on_demand_and_the_other_lines_stay(path: Path) -> None:
    results = ResultsFile(path, retry_errors=True)
    assert results.done == {"a", "c"}
    assert results.failed == 0
    with pytest.raises(SettingsError, match="another job writes"):
        ResultsFile(path)
    results.write(answer("b"))
    results.close()
    assert ids(path) == ["a", "c", "b"]
