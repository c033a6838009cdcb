from pathlib import Path

import pytest

from service.settings import SettingsError, load_settings


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("http_port = 1\nmax_images = 2\nthreads = 3\n")
    monkeypatch.setenv("FASTERPOSE_MAX_IMAGES", "20")
    monkeypatch.setenv("FASTERPOSE_THREADS", "30")
    settings = load_settings({"threads": 300, "host": None}, config, {})
    assert (settings.http_port, settings.max_images, settings.threads) == (1, 20, 300)
    assert settings.host == "127.0.0.1"


def test_an_unknown_variable_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError, match=r"FASTERPOSE_HTTP_PROT is not a setting.*FASTERPOSE_HTTP_PORT"):
        load_settings({}, None, {"FASTERPOSE_HTTP_PROT": "1", "HOME": "x"})


def test_an_unknown_key_of_the_file_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("presicion = 'fp32'\n")
    with pytest.raises(SettingsError, match=r"presicion in .*settings\.toml is not a setting; did you mean precision"):
        load_settings({}, config, {})


@pytest.mark.parametrize("content", [b"http_port = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "settings.toml"
    config.write_bytes(content)
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings({}, config, {})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings({}, tmp_path / "none.toml", {})


@pytest.mark.parametrize(("name", "value"), [("http_port", 70000), ("precision", "fp8"), ("timeout_ms", 0)])
def test_a_wrong_value_is_named_with_the_ways_to_set_it(name: str, value: object) -> None:
    with pytest.raises(
        SettingsError, match=rf"setting {name} is .*--{name.replace('_', '-')}, FASTERPOSE_{name.upper()}"
    ):
        load_settings({name: value}, None, {})
