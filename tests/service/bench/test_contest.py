"""`fasterpose benchmark peers`: who is started how, who gets which turn, and what is concluded."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from service.bench import contest
from service.bench.contenders import (
    BENTOML,
    LITSERVE,
    NETWORKS,
    OURS,
    PARTS,
    PLAIN,
    STAND_INS,
    Contender,
    Contest,
    Interpreters,
    find_interpreters,
    plan_contests,
)
from service.bench.contest import (
    Entry,
    Turns,
    contest_targets,
    cpu_ratio,
    entries_content,
    print_entries,
    rate_ratio,
    run_contests,
)
from service.bench.photographs import small_photograph
from service.bench.requests import Photograph
from service.settings import ServiceSettings
from tests.service.bench.loads import result


def entry(name: str, concurrency: int, *rates: float, part: str = NETWORKS, milliseconds: float = 10.0) -> Entry:
    return Entry(part, name, concurrency, [result(rate, milliseconds) for rate in rates])  # type: ignore[arg-type]


def test_everybody_gets_the_same_settings_and_stand_ins_have_none(tmp_path: Path) -> None:
    python = Path(sys.executable)
    planned = plan_contests(PARTS, ServiceSettings(precision="fp32"), 1, Interpreters(python, python))
    networks, stand_in = planned
    assert [one.name for one in networks.contenders] == [OURS, PLAIN, LITSERVE, BENTOML]
    assert [one.name for one in stand_in.contenders] == [OURS, LITSERVE, BENTOML]
    assert all(one.environment["FASTERPOSE_PRECISION"] == "fp32" for one in networks.contenders)
    assert len(small_photograph()) < 20_000
    assert len(networks.photograph.data) > 100_000
    assert not stand_in.photograph.detect
    process = Contender("x", (sys.executable, "-c", "print('<port>')"), {}, "/", "/").start(4711, tmp_path / "log")
    process._process.wait()  # pyright: ignore[reportPrivateUsage]
    assert (tmp_path / "log").read_text() == "4711\n"


def test_a_missing_interpreter_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = find_interpreters(tmp_path / "peers", Path(sys.executable))
    assert found == Interpreters(None, Path(sys.executable))
    assert capsys.readouterr().out.startswith("LitServe and BentoML are left out: there is no ")
    (networks,) = plan_contests([NETWORKS], ServiceSettings(), 1, found)
    assert [one.name for one in networks.contenders] == [OURS, PLAIN]


def test_ours_is_compared_under_the_same_load_round_by_round() -> None:
    entries = [entry(OURS, 8, 30, 10), entry(PLAIN, 8, 10, 3), entry(OURS, 1, 1), entry(OURS, 8, 5, part=STAND_INS)]
    assert rate_ratio(entries, entries[1]) == pytest.approx((3 + 10 / 3) / 2)
    assert rate_ratio(entries, entries[0]) == 1


def test_targets_name_the_peer_and_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [
        entry(OURS, 1, 20, milliseconds=50),
        entry(PLAIN, 1, 10, milliseconds=100),
        entry(OURS, 8, 24),
        entry(PLAIN, 8, 4),
        entry(LITSERVE, 8, 25),
        entry(OURS, 32, 1500, part=STAND_INS),
        entry(LITSERVE, 32, 500, part=STAND_INS),
        entry(BENTOML, 32, 500, part=STAND_INS),
    ]
    targets = {target.text: target for target in contest_targets(entries)}
    assert targets[f"against {PLAIN}, networks, c1: p50 / its p50"].measured == pytest.approx(0.5)
    assert targets[f"against {PLAIN}, networks, c8: times as fast"].measured == pytest.approx(6)
    assert not targets[f"against {LITSERVE}, networks, c8: times as fast"].met
    assert targets[f"against {LITSERVE}, stand-in, c32: times as fast"].met
    assert len(targets) == 4
    contests = [Contest("Title", NETWORKS, Photograph("x", b""), ())]
    print_entries(contests, entries, Turns((1, 8), 1.0, 1))
    assert capsys.readouterr().out.count(OURS) == 4  # two columns and two rows; the other part is not printed
    assert json.dumps(entries_content(contests, entries, Turns((1, 8), 1.0, 1)))


def test_cpu_time_is_told_by_the_answer() -> None:
    def thrifty(name: str, *server_cpu_seconds: float) -> Entry:
        rounds = [
            replace(result(100), answers=200, server_cpu_seconds=seconds, client_cpu_seconds=0.02)
            for seconds in server_cpu_seconds
        ]
        return Entry(STAND_INS, name, 8, rounds)

    entries = [thrifty(OURS, 0.2, 0.1), thrifty(LITSERVE, 0.6, 0.4), entry(BENTOML, 8, 10, part=STAND_INS)]
    assert entries[1].figures.server_cpu_ms == pytest.approx(2.5)
    assert entries[1].figures.client_cpu_ms == pytest.approx(0.1)
    assert cpu_ratio(entries, entries[1]) == pytest.approx(3.5)
    assert (entries[2].figures.server_cpu_ms, entries[2].figures.client_cpu_ms) == (None, None)


def test_servers_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers that only know GET: every POST is an error with its status."""
    monkeypatch.setattr(contest, "SETTLE_S", 0.01)
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(tmp_path), "<port>")
    servers = tuple(Contender(name, command, {}, "/pose", "/") for name in (OURS, "other"))
    played = Contest("Title", NETWORKS, Photograph("x", b"x", detect=False), servers)
    entries = run_contests([played], Turns((1,), 0.05, 2))
    assert [(one.name, one.concurrency, len(one.results)) for one in entries] == [(OURS, 1, 2), ("other", 1, 2)]
    for one in entries:
        assert one.figures.images_per_second == 0
        assert "501" in one.figures.errors
