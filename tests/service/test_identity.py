import pytest

from service.identity import request_id_from, trace_fields

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a\tb", "a\nb", "ä"])
def test_an_unfit_request_id_is_replaced(given: str | None) -> None:
    made = {request_id_from(given) for _ in range(3)}
    assert [len(each) for each in made] == [16] * 3


def test_a_fit_request_id_is_kept() -> None:
    assert request_id_from("x" * 128) == "x" * 128


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-the-future-brings"])
def test_a_trace_is_read(traceparent: str) -> None:
    assert trace_fields(traceparent) == {"trace_id": TRACE, "parent_id": SPAN}


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_no_trace_is_ignored(traceparent: str | None) -> None:
    assert trace_fields(traceparent) == {}
