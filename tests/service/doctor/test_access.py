from pathlib import Path

from service.doctor.access import check_access
from service.settings import ServiceSettings


def test_a_closed_machine_needs_no_key_and_an_open_one_is_noted() -> None:
    assert [found.verdict for found in check_access(ServiceSettings())] == ["ok"]
    (finding,) = check_access(ServiceSettings(host="0.0.0.0"))
    assert finding.verdict == "note"
    assert "fasterpose keys new" in finding.remedy


def test_files_that_cannot_be_used_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("no keys")
    (finding,) = check_access(ServiceSettings(keys_file=tmp_path / "keys.json"))
    assert finding.verdict == "wrong"
    assert "keys.json" in finding.says
    (finding,) = check_access(ServiceSettings(tls_cert=tmp_path / "server.pem"))
    assert "tls_key is not set" in finding.says


def test_a_folder_of_bundles_that_is_none_is_noted(tmp_path: Path) -> None:
    _, finding = check_access(ServiceSettings(bundles_dir=tmp_path / "none"))
    assert finding.verdict == "note"
