"""All checks, as a table for people or JSON for programs."""

import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata

import orjson
from rich.console import Console
from rich.table import Table

from service.doctor.extras import check_extras, check_runtime
from service.doctor.finding import Finding, Verdict
from service.doctor.machine import check_cores, check_descriptors, check_instructions, cpu_flags, cpu_quota
from service.exit_codes import ALL_ANSWERED, SOME_FAILED
from service.runtime.devices import available_cores
from service.settings import ServiceSettings, SettingsError

COLOURS: dict[Verdict, str] = {"ok": "green", "note": "yellow", "wrong": "red"}


def doctor(read_settings: Callable[[], ServiceSettings], *, as_json: bool) -> int:
    """Look at everything and say it on stdout.

    Args:
        read_settings: of the server; what is wrong with them is a finding too.
        as_json: for programs.

    Returns:
        The exit code: 0 if a server could serve, else 1.
    """
    findings = examine(read_settings)
    could_serve = not any(finding.verdict == "wrong" for finding in findings)
    if as_json:
        report = {
            "version": metadata.version("fasterpose"),
            "could_serve": could_serve,
            "findings": [asdict(finding) for finding in findings],
        }
        sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
    else:
        _print_table(findings, could_serve)
    return ALL_ANSWERED if could_serve else SOME_FAILED


def examine(read_settings: Callable[[], ServiceSettings]) -> list[Finding]:
    """All findings, in the order in which a server would meet their causes."""
    try:
        settings = read_settings()
    except SettingsError as error:
        return [Finding("settings", "wrong", str(error), "mend the flag, the variable or the file that is named")]
    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    runtime = check_runtime(settings)
    return [
        check_instructions(cpu_flags()),
        check_cores(available_cores(), cpu_quota(), settings),
        check_descriptors(soft_limit, settings),
        check_extras(),
        runtime,
        *(_check_what_needs_the_runtime(settings) if runtime.verdict != "wrong" else []),
    ]


def _check_what_needs_the_runtime(settings: ServiceSettings) -> list[Finding]:
    from service.doctor.access import check_access  # noqa: PLC0415 - they import OpenVINO, which may be missing
    from service.doctor.networks import check_networks  # noqa: PLC0415
    from service.doctor.ports import check_ports  # noqa: PLC0415

    return [*check_access(settings), *check_ports(settings), *check_networks(settings)]


def _print_table(findings: list[Finding], could_serve: bool) -> None:
    table = Table("check", "", "what was found", box=None, pad_edge=False, show_header=False)
    for finding in findings:
        said = f"{finding.says}\n-> {finding.remedy}" if finding.remedy and finding.verdict != "ok" else finding.says
        table.add_row(finding.check, f"[{COLOURS[finding.verdict]}]{finding.verdict}[/]", said.replace("[", r"\["))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    wrong = sum(finding.verdict == "wrong" for finding in findings)
    console.print("`fasterpose serve` could serve here." if could_serve else f"It could not serve: {wrong} wrong.")
