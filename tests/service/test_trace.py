import pytest

from service.trace import trace_fields

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_trace_context_is_read() -> None:
    assert trace_fields(f"00-{TRACE}-{SPAN}-01") == {"trace_id": TRACE, "parent_id": SPAN}


@pytest.mark.parametrize(
    "text",
    [None, "", "nonsense", f"00-{TRACE}-{SPAN}", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
     f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-01\n", f"ff-{TRACE}-{SPAN}-01"],
)  # fmt: skip
def test_what_is_not_one_is_ignored(text: str | None) -> None:
    assert trace_fields(text) == {}
