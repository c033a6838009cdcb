"""What a check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["ok", "note", "wrong"]
Fact = str | int | float | list[int] | None


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at, one or two words.
        verdict: `ok`; `note`: a server would run, but slower or for fewer than it could; `wrong`: it would not run.
        says: what was found, and why it is so.
        remedy: what to do; empty where there is nothing to do.
        facts: the same for programs.
    """

    check: str
    verdict: Verdict
    says: str
    remedy: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict[str, Fact])
