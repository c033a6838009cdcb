import pytest

from service.accept import wanted_image


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", None),
        ("", None),
        ("application/json", None),
        ("text/html", None),
        ("image/jpeg", "image/jpeg"),
        ("image/png", "image/png"),
        ("image/*", "image/jpeg"),
        ("IMAGE/PNG; q=0.9, */*;q=0.1", "image/png"),
        ("image/jpeg;q=0.2, image/png;q=0.8", "image/png"),
        ("application/json, image/png", None),
        ("application/json;q=0.5, image/png", "image/png"),
        ("image/png;q=0", None),
        ("image/png;q=soon", "image/png"),
    ],
)
def test_an_image_is_drawn_only_when_it_is_preferred_to_json(accept: str, expected: str | None) -> None:
    assert wanted_image(accept) == expected
