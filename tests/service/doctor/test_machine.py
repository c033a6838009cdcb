from pathlib import Path

import pytest

from service.doctor.machine import check_cores, check_descriptors, check_instructions, cpu_flags, cpu_quota
from service.settings import ServiceSettings


def test_instructions_are_read_as_linux_writes_them(tmp_path: Path) -> None:
    (tmp_path / "x86").write_text("processor\t: 0\nflags\t\t: fpu avx512_vnni avx512_bf16\n")
    (tmp_path / "arm").write_text("processor\t: 0\nFeatures\t: asimddp bf16\n")
    assert cpu_flags(tmp_path / "x86") == {"fpu", "avx512_vnni", "avx512_bf16"}
    assert cpu_flags(tmp_path / "arm") == {"asimddp", "bf16"}
    assert cpu_flags(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("flags", "verdict", "words"),
    [
        ({"avx512_vnni", "amx_bf16"}, "ok", "int8 by avx512_vnni, bf16 by amx_bf16"),
        ({"avx_vnni", "avx2"}, "note", "no instructions for bf16"),
        ({"avx2"}, "note", "no instructions for int8 and bf16 (it computes neither int8 nor bf16)"),
        (None, "note", "does not tell"),
    ],
)
def test_a_cpu_without_instructions_is_noted(flags: set[str] | None, verdict: str, words: str) -> None:
    finding = check_instructions(None if flags is None else frozenset(flags))
    assert finding.verdict == verdict
    assert words in finding.says


def test_the_quota_of_both_kinds_of_cgroups_is_read(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("150000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(tmp_path) == 1.5
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert cpu_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    assert cpu_quota(tmp_path) == 2.0
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cpu_quota(tmp_path) is None


@pytest.mark.parametrize(
    ("cores", "quota", "threads", "verdict", "remedy"),
    [
        (8, None, 0, "ok", ""),
        (8, 8.0, 0, "ok", ""),
        (8, 1.5, 0, "note", "--threads 2"),
        (8, 1.5, 2, "ok", ""),
        (2, None, 4, "note", "--threads 2"),
    ],
)
def test_more_threads_than_may_run_are_noted(
    cores: int, quota: float | None, threads: int, verdict: str, remedy: str
) -> None:
    finding = check_cores(cores, quota, ServiceSettings(threads=threads))
    assert finding.verdict == verdict
    assert remedy in finding.remedy
    assert (remedy == "") == (finding.remedy == "")


@pytest.mark.parametrize(("limit", "verdict"), [(64, "wrong"), (256, "note"), (1024, "ok"), (-1, "ok")])
def test_too_few_descriptors_are_found(limit: int, verdict: str) -> None:
    assert check_descriptors(limit, ServiceSettings()).verdict == verdict
