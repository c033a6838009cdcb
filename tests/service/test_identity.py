import pytest

from service.identity import request_id_from, trace_id_from

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a\tb", "a\nb", "ä"])
def test_an_unfit_request_id_is_replaced(given: str | None) -> None:
    made = {request_id_from(given) for _ in range(3)}
    assert [len(each) for each in made] == [16] * 3


def test_a_fit_request_id_is_kept() -> None:
    assert request_id_from("x" * 128) == "x" * 128


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-brings", TRACE),
        (None, None),
        ("", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-00f067aa0ba902b7", None),
    ],
)
def test_a_trace_id_is_that_of_a_valid_traceparent(traceparent: str | None, trace_id: str | None) -> None:
    assert trace_id_from(traceparent) == trace_id
