"""What the site takes from outside `docs`: pages that other files are, and files that pages link to.

Links are written as they lead in the repository, `../model/zoo/ZOO.md`, so that they work there too. In the site such a
link leads to the page that the file is, or to a copy of the file.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parents[2]
TAKEN = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "zoo.md": "model/zoo/ZOO.md",
    "images/icon.svg": "service/static/icon.svg",
    "site.css": "docs/site/site.css",
}
"""Place in the site -> file in the repository."""
COPIES = "repository"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)")
"""The target of a Markdown link or picture, without its anchor."""
FILE_NAME = re.compile(r"\[[\w-]+\.md\](?=\(([^)#\s]+))")
"""The text of a link that is only its file's name, which says something in the repository alone."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files from outside."""
    for place, source in TAKEN.items():
        files.append(_taken(place, source, config))
    linked = {target for file in files.documentation_pages() for target in _linked_from_outside(file)}
    for target in sorted(linked):
        files.append(_taken(f"{COPIES}/{target}", target, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """Let links lead to where their targets are in the site."""
    folder = posixpath.dirname(_source_of(page.file))
    here = posixpath.dirname(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        return posixpath.relpath(_place_of(posixpath.normpath(posixpath.join(folder, link[1]))), here or ".")

    def titled(text: re.Match[str]) -> str:
        return f"[{_title_of(REPOSITORY / folder / text[1])}]"

    return LINK.sub(moved, FILE_NAME.sub(titled, markdown))


def _title_of(path: Path) -> str:
    return path.read_text().partition("# ")[2].partition("\n")[0]


def _taken(place: str, source: str, config: MkDocsConfig) -> File:
    path = REPOSITORY / source
    if not path.is_file():
        raise PluginError(f"{source}, which a page links to, is no file of the repository")
    return File.generated(config, place, abs_src_path=str(path))


def _linked_from_outside(file: File) -> Iterator[str]:
    """The linked files, relative to the repository, that are neither in `docs` nor pages."""
    source = _source_of(file)
    for link in LINK.findall((REPOSITORY / source).read_text()):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if not target.startswith("docs/") and target not in TAKEN.values():
            yield target


def _source_of(file: File) -> str:
    """A page's file, relative to the repository."""
    return TAKEN.get(file.src_uri, f"docs/{file.src_uri}")


def _place_of(target: str) -> str:
    """Where a file of the repository is in the site."""
    for place, source in TAKEN.items():
        if source == target:
            return place
    return target.removeprefix("docs/") if target.startswith("docs/") else f"{COPIES}/{target}"
