import subprocess
import sys
from pathlib import Path

import pytest

from service.bench import cpu_time
from service.bench.cpu_time import session_cpu_seconds

WORKER = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
BOSS = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WORKER!r}])"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="CPU times are read from /proc")
def test_the_workers_of_a_server_count_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BOSS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as boss:
        assert boss.stdout
        boss.stdout.readline()
        seconds = session_cpu_seconds(boss.pid)
        boss.communicate(b"\n")
    assert seconds is not None
    assert seconds >= 0.18
    assert session_cpu_seconds(boss.pid) == 0  # it has ended


def test_where_nothing_counts_there_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_time, "PROCESSES", tmp_path / "none")
    assert session_cpu_seconds(1) is None
