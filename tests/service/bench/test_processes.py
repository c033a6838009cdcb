import subprocess
import sys
from pathlib import Path

import pytest

from service.bench import processes
from service.bench.processes import cpu_seconds, family

WORKER = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
BOSS = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WORKER!r}], start_new_session=True)"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="families and CPU times are read from /proc")
def test_workers_in_sessions_of_their_own_are_of_the_family() -> None:
    with subprocess.Popen([sys.executable, "-c", BOSS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as boss:
        assert boss.stdout
        boss.stdout.readline()
        members = family(boss.pid)
        seconds = cpu_seconds(members)
        boss.communicate(b"\n")
    assert len(members) == 2
    assert seconds is not None
    assert seconds >= 0.18
    assert cpu_seconds(members) == 0  # they have ended
    assert family(boss.pid) == {boss.pid}


def test_where_nothing_counts_there_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROCESSES", tmp_path / "none")
    assert cpu_seconds([1]) is None
    assert family(7) == {7}
