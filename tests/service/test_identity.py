import pytest

from service.identity import request_id_from


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a\tb", "a\nb", "ä"])
def test_an_unfit_request_id_is_replaced(given: str | None) -> None:
    made = {request_id_from(given) for _ in range(3)}
    assert [len(each) for each in made] == [16] * 3


def test_a_fit_request_id_is_kept() -> None:
    assert request_id_from("x" * 128) == "x" * 128
