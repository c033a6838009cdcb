"""`--note KEY=TEXT`: facts that an export writes into a bundle's spec."""

import typer


def parse_notes(notes: list[str] | None) -> dict[str, str]:
    """`["data=COCO"]` to `{"data": "COCO"}`; None is empty.

    Raises:
        typer.BadParameter: one has no key.
    """
    return dict(_key_and_text(note) for note in notes or [])


def _key_and_text(note: str) -> tuple[str, str]:
    key, separator, text = note.partition("=")
    if not separator:
        raise typer.BadParameter(f"--note {note!r} is not KEY=TEXT")
    return key, text
