"""Keys: what is kept of them lets nobody in."""

import hmac

import pytest
from pydantic import ValidationError

from service.access.keys import KeyRecord, Limits, make_key, read_key


def test_a_new_key_matches_its_record_and_no_other() -> None:
    text, record = make_key("lab", ("pose",), Limits())
    other, _ = make_key("lab", ("pose",), Limits())
    key, wrong = read_key(text), read_key(other)
    assert key is not None
    assert wrong is not None
    assert key.id == record.id
    assert record.matches(key.secret)
    assert not record.matches(wrong.secret)
    assert not record.matches("")


def test_the_record_does_not_hold_the_secret() -> None:
    text, record = make_key("lab", ("pose",), Limits())
    secret = text.split("_", 2)[2]
    assert len(secret) == 43  # 256 bits in base64
    assert secret not in record.model_dump_json()
    assert KeyRecord.model_validate_json(record.model_dump_json()) == record


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    text, record = make_key("lab", ("pose",), Limits())
    compared: list[tuple[str, str]] = []
    constant_time = hmac.compare_digest

    def compare(a: str, b: str) -> bool:
        compared.append((a, b))
        return constant_time(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert record.matches(text.split("_", 2)[2])
    assert [(len(a), len(b)) for a, b in compared] == [(64, 64)]


@pytest.mark.parametrize(
    "text", ["", "fp_", "fp_0000000g_" + "a" * 43, "fp_00000000_" + "a" * 42, "Bearer x", "é" * 55]
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize("name", ["", "with space", "a" * 65, "../x", "line\nbreak"])
def test_a_name_that_could_forge_a_log_line_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        make_key(name, ("pose",), Limits())
