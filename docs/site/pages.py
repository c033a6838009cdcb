"""The pages of `docs` that are written from the code. `make docs-pages` writes them."""

from collections.abc import Callable
from pathlib import Path

from docs.site.errors_page import errors_page
from docs.site.grpc_page import grpc_page
from docs.site.quick_start_answer import update
from docs.site.rest_page import rest_page
from docs.site.settings_page import settings_page

DOCS = Path(__file__).parents[1]
PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "grpc.md": grpc_page,
    "rest.md": rest_page,
    "settings.md": settings_page,
}


def main() -> None:
    """Write all of them, and the answer that the quick start shows."""
    for name, text in PAGES.items():
        (DOCS / name).write_text(text())
    update(DOCS / "quick-start.md")


if __name__ == "__main__":
    main()
