"""`docs/grpc.md`, from `protos/fasterpose/v1/pose.proto` and its comments."""

import re
from pathlib import Path
from typing import NamedTuple

from docs.site.markdown import joined, page, table

PROTO = Path(__file__).parents[2] / "protos/fasterpose/v1/pose.proto"
INTRODUCTION = """
The contract is [pose.proto](../protos/fasterpose/v1/pose.proto); what follows is written from it. The port is 8001,
health is `grpc.health.v1`, and reflection is on, so that `grpcurl` needs no file. [client.md](client.md) has a
Python client, [serving.md](serving.md#grpc) the same without it.

<!-- not run: needs grpcurl -->
```bash
grpcurl -plaintext localhost:8001 list
grpcurl -plaintext localhost:8001 fasterpose.v1.PoseService/ListModels
```
"""


class Line(NamedTuple):
    """A field or a call, with the comment above it."""

    kind: str
    name: str
    number: str
    comment: str


class Block(NamedTuple):
    """A message, with the comment above it and its lines."""

    name: str
    comment: str
    lines: list[Line]


def grpc_page() -> str:
    """The page, Markdown."""
    text = PROTO.read_text()
    preamble, declarations = text.split('syntax = "proto3";')
    blocks = _blocks(declarations)
    calls = [_call(line) for block in blocks for line in block.lines if line.kind == "rpc"]
    messages = [_message(block) for block in blocks if block.name != "PoseService"]
    return page("gRPC", INTRODUCTION, _preamble(preamble), "## Calls", *calls, "## Messages", *messages)


def _preamble(comment: str) -> str:
    """The file's first comment; its indented table of statuses becomes one."""
    lines = [line.removeprefix("//").removeprefix(" ") for line in comment.strip().splitlines()]
    statuses = re.findall(r"^  ([A-Z_]+) +(.*(?:\n {3,}.*)*)", "\n".join(lines), re.MULTILINE)
    paragraphs = joined("\n".join(line for line in lines if not line.startswith("  ")))
    shown = table(["status", "when"], [[f"`{name}`", when] for name, when in statuses])
    return f"{paragraphs}\n\n{shown}"


def _blocks(text: str) -> list[Block]:
    """The service and the messages, in their order; a `oneof` is part of its message."""
    found: list[Block] = []
    comment = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("//"):
            comment += f"{line.removeprefix('//').strip()} "
            continue
        if start := re.match(r"(?:message|service) (\w+) {", line):
            found.append(Block(start[1], comment.strip(), []))
        elif call := re.match(r"(rpc) (\w+)(.*);", line):
            found[-1].lines.append(Line(call[1], call[2], call[3], comment.strip()))
        elif field := re.match(r"((?:optional |repeated )?[\w.]+|map<.*>) (\w+) = (\d+);", line):
            found[-1].lines.append(Line(field[1], field[2], field[3], comment.strip()))
        comment = ""
    return found


def _call(line: Line) -> str:
    return f"### {line.name}\n\n`{line.name}{line.number}`\n\n{line.comment}"


def _message(block: Block) -> str:
    rows = [[f"`{line.name}`", line.number, f"`{line.kind}`", line.comment] for line in block.lines]
    fields = table(["field", "number", "type", "what"], rows) if rows else "No fields."
    return "\n\n".join(part for part in (f"### {block.name}", block.comment, fields) if part)
