from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from service.flags import NETWORKS, ReadSettings, with_settings
from service.settings import ServiceSettings, SettingsError

app = typer.Typer(rich_markup_mode=None)


@app.command()
@with_settings("http_port", "log_format", "metrics_key", *NETWORKS)
def show(
    read_settings: ReadSettings,
    *,
    often: Annotated[int, typer.Option(help="The command's own.")] = 1,
    read: bool = True,
) -> None:
    """Say what was chosen."""
    if read:
        settings = read_settings()
        typer.echo(f"{settings.http_port} {settings.metrics_key} {settings.model} {settings.threads} " * often)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_flags_reach_the_settings_beside_the_commands_own(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('http_port = 7\nmodel = "other"\n')
    chosen = run("--config", str(file), "--http-port", "9", "--metrics-key", "--threads", "3")
    assert chosen == "9 True other 3"
    assert run("--often", "2").split() == [str(ServiceSettings().http_port), "False", "fast", "0"] * 2


def test_help_names_every_flag_and_the_settings_default() -> None:
    help_text = " ".join(run("--help").split())
    for name in ("--often", "--config", "--http-port", "--precision", "--metrics-key"):
        assert name in help_text
    assert "--no-metrics-key" not in help_text
    assert "[default: 8000]" in help_text


def test_a_wrong_value_is_told_when_the_settings_are_read() -> None:
    run("--log-format", "xml", "--no-read")
    with pytest.raises(SettingsError, match="log_format"):
        run("--log-format", "xml")
