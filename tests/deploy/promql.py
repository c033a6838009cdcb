"""What a PromQL query names: metrics, their selectors, and the labels that it groups by."""

import re
from dataclasses import dataclass

GROUPINGS = ("by", "without", "on", "ignoring", "group_left", "group_right")
OPERATORS = {"and", "or", "unless", "bool", "offset"}
STRING = r'"(?:[^"\\]|\\.)*"'


@dataclass(frozen=True)
class Selector:
    """One metric in a query.

    Attributes:
        metric: its name.
        matchers: (label, operator, value).
    """

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def selectors(query: str) -> list[Selector]:
    """All metrics of a query, in order."""
    rest = re.sub(rf"\b(?:{'|'.join(GROUPINGS)})\s*\([^)]*\)", " ", query)
    pattern = rf"\b([a-zA-Z_]\w*)\b(?!\s*\()(?:{{((?:{STRING}|[^}}\"])*)}})?(?:\[[^\]]*\])?"
    found = re.findall(rf"{STRING}|{pattern}", rest)
    return [Selector(name, _matchers(inside)) for name, inside in found if name and name not in OPERATORS]


def grouping_labels(query: str) -> set[str]:
    """The labels that a query groups or joins by."""
    lists: list[str] = re.findall(rf"\b(?:{'|'.join(GROUPINGS)})\s*\(([^)]*)\)", query)
    return {label for each in lists for label in re.split(r"[\s,]+", each) if label}


def _matchers(inside: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', inside))
