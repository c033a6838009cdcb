import hashlib
import json
from pathlib import Path

from service.doctor.networks import check_network, why_precision
from service.settings import ServiceSettings
from tests.service.fakes import provenance


def settings_of(bundles: tuple[Path, Path], precision: str = "auto") -> ServiceSettings:
    return ServiceSettings.model_validate(
        {"model": str(bundles[0]), "detector": str(bundles[1]), "threads": 1, "precision": precision}
    )


def test_a_whole_bundle_is_computed_and_described(bundles: tuple[Path, Path]) -> None:
    network, licence = check_network("pose network", settings_of(bundles))
    assert (network.verdict, licence.verdict) == ("ok", "ok")
    assert (network.facts["precision"], network.facts["streams"]) == ("fp32", 1)
    assert "Apache-2.0" in licence.says


def test_a_file_whose_hash_does_not_fit_is_wrong(bundles: tuple[Path, Path]) -> None:
    with (bundles[1] / "model.onnx").open("ab") as file:
        file.write(b" ")
    (finding,) = check_network("detector", settings_of(bundles))
    assert finding.verdict == "wrong"
    assert "the sha256 of model.onnx differs from its spec" in finding.says


def test_a_graph_that_does_not_compile_is_wrong(bundles: tuple[Path, Path]) -> None:
    (bundles[0] / "model.onnx").write_bytes(b"no graph")
    spec = json.loads((bundles[0] / "spec.json").read_text())
    spec["provenance"]["files"]["model.onnx"] = hashlib.sha256(b"no graph").hexdigest()
    (bundles[0] / "spec.json").write_text(json.dumps(spec))
    (finding,) = check_network("pose network", settings_of(bundles))
    assert finding.verdict == "wrong"
    assert "cannot be computed" in finding.says


def test_a_bundle_that_is_not_there_and_a_precision_it_has_not_are_wrong(bundles: tuple[Path, Path]) -> None:
    (finding,) = check_network("pose network", ServiceSettings(model="no-such"))
    assert "neither an embedded bundle" in finding.says
    (finding,) = check_network("pose network", settings_of(bundles, "int8"))
    assert "has no model.int8.onnx" in finding.says
    (finding,) = check_network("pose network", settings_of(bundles, "fp16"))
    assert "does not compute in fp16" in finding.says


def test_the_copyleft_of_the_embedded_detector_is_noted() -> None:
    _, licence = check_network("detector", ServiceSettings(threads=1))
    assert licence.verdict == "note"
    assert "AGPL-3.0-only" in licence.says


def test_the_reason_for_a_precision_has_its_figures() -> None:
    facts = provenance("x")
    facts.accuracy["int8"] = {"AP": 0.497}
    assert "loses 0.30 points of AP" in why_precision(facts, "int8", ServiceSettings())
    assert why_precision(facts, "int8", ServiceSettings(precision="int8")) == "--precision int8"
    assert "no faster graph" in why_precision(facts, "fp32", ServiceSettings())
