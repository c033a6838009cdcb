"""The API description is valid, and changes only knowingly."""

import json
from pathlib import Path

from openapi_spec_validator import validate

from service.app import create_app
from service.settings import ServiceSettings

SNAPSHOT = Path(__file__).parent / "openapi.json"


def test_the_description_is_valid_and_as_committed() -> None:
    description = create_app(ServiceSettings()).openapi()
    validate(description)
    expected = json.loads(SNAPSHOT.read_text())
    assert description == expected, f"the API changed; if that is meant, write it anew: python {Path(__file__).name}"


def test_all_body_forms_and_errors_are_described() -> None:
    operation = create_app(ServiceSettings()).openapi()["paths"]["/v1/pose"]["post"]
    assert set(operation["requestBody"]["content"]) == {
        "image/*",
        "application/octet-stream",
        "multipart/form-data",
        "application/json",
    }
    assert set(operation["responses"]) == {"200", "400", "401", "403", "413", "415", "422", "429", "503", "504"}
    assert len(operation["parameters"]) == 9


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(create_app(ServiceSettings()).openapi(), indent=1, sort_keys=True) + "\n")
