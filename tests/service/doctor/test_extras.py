from service.doctor.extras import EXTRAS, check_extras, check_runtime, has_module
from service.settings import ServiceSettings


def nothing(_: str) -> bool:
    return False


def everything(_: str) -> bool:
    return True


def test_a_runtime_that_is_not_installed_is_wrong() -> None:
    assert check_runtime(ServiceSettings(), everything).verdict == "ok"
    missing = check_runtime(ServiceSettings(), nothing)
    assert (missing.verdict, missing.remedy) == ("wrong", "pip install openvino")
    on_gpu = check_runtime(ServiceSettings(device="cuda:0"), lambda name: name != "torch")
    assert (on_gpu.verdict, on_gpu.remedy) == ("wrong", "pip install 'fasterpose[gpu]'")


def test_devices_that_do_not_go_together_are_wrong() -> None:
    assert "mixes kinds" in check_runtime(ServiceSettings(device="cpu,cuda:0"), everything).says


def test_missing_extras_are_named_with_what_they_are_for() -> None:
    finding = check_extras(lambda module: module == "httpx")
    assert finding.verdict == "ok"
    assert finding.facts["installed"] == "client"
    assert "video (reads and writes videos)" in finding.says
    assert "not installed" not in check_extras(everything).says


def test_modules_are_found_without_importing_them() -> None:
    assert has_module("numpy")
    assert not has_module("no_such_module")
    assert not has_module("no_such_package.part")
    assert all(len(entry) == 2 for entry in EXTRAS.values())
