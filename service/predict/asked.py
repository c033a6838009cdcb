"""What a command asks for."""

from dataclasses import dataclass
from pathlib import Path

from service.settings import SettingsError

STDOUT = Path("-")


@dataclass(frozen=True)
class Wanted:
    """Where the answers go; `-` is stdout.

    Attributes:
        out: folder for all that a first look needs: overlays, `results.json` (COCO), `images.json`.
        overlays: folder for the images with people drawn; `-`: the only image's JPEG to stdout.
        coco: file for COCO results.
        jsonl: file for JSON lines, one an image.
        csv: file for a table, a row a person.
        boxes: COCO file of people's boxes; the detector is not asked.
    """

    out: Path | None = None
    overlays: Path | None = None
    coco: Path | None = None
    jsonl: Path | None = None
    csv: Path | None = None
    boxes: Path | None = None

    @property
    def files(self) -> list[Path]:
        """The files that are written beside the overlays."""
        return [file for file in (self.coco, self.jsonl, self.csv) if file is not None and file != STDOUT]

    @property
    def uses_stdout(self) -> bool:
        """Whether stdout carries answers, so that all else must be said on stderr."""
        return STDOUT in (self.overlays, self.coco, self.jsonl, self.csv)

    def checked(self) -> "Wanted":
        """The same; JSON lines on stdout where nothing else is asked for.

        Raises:
            SettingsError: two outputs would be written to the same place.
        """
        given = [place for place in (self.overlays, self.coco, self.jsonl, self.csv) if place is not None]
        twice = next((place for place in given if given.count(place) > 1), None)
        if twice is not None:
            where = "stdout (-)" if twice == STDOUT else str(twice)
            raise SettingsError(f"{where} is named for two outputs; each needs a place of its own")
        if self.out == STDOUT:
            raise SettingsError("--out is a folder; for stdout choose --jsonl -, --coco -, --csv - or --overlays -")
        if self.out is not None and self.overlays is not None:
            raise SettingsError("--out holds overlays already; leave out --overlays, or name --coco instead of --out")
        return self if given or self.out else Wanted(jsonl=STDOUT, boxes=self.boxes)
