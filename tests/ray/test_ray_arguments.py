"""What `serve run service.ray_app:build` and a Serve config file may give."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import inspect

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from service.ray_app import PoseReplica, Scale, add_pose_service, build
from service.settings import ServiceSettings, SettingsError
from tests.conftest import REPOSITORY

CONFIG = yaml.safe_load((REPOSITORY / "docker/ray/serve.yaml").read_text())


def test_texts_of_the_command_line_and_numbers_of_a_file_mean_the_same() -> None:
    for args in (
        {"max_replicas": "3", "num_cpus": "0.5", "precision": "fp32", "threads": "2"},
        {"max_replicas": 3, "num_cpus": 0.5, "precision": "fp32", "threads": 2},
    ):
        deployment = build(args)._bound_deployment
        (settings,) = deployment.init_args
        assert (settings.precision, settings.threads) == ("fp32", 2)
        assert type(settings) is ServiceSettings
        assert deployment._deployment_config.autoscaling_config.max_replicas == 3
        assert deployment.ray_actor_options["num_cpus"] == 0.5


@pytest.mark.parametrize("name", ["http_port", "host", "tls_cert", "precison"])
def test_an_argument_that_would_be_ignored_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is no argument of the Ray application"):
        build({name: "1"})


def test_a_number_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match="max_replicas is 'many'"):
        build({"max_replicas": "many"})


def test_the_config_file_is_rays_and_its_arguments_are_ours() -> None:
    ServeDeploySchema.parse_obj(CONFIG)
    (application,) = CONFIG["applications"]
    assert application["import_path"] == "service.ray_app:build"
    build(application["args"])
    assert CONFIG["grpc_options"]["grpc_servicer_functions"] == [f"service.ray_app.{add_pose_service.__name__}"]


def test_the_documented_defaults_are_those_of_the_code() -> None:
    text = (REPOSITORY / "docs/scale.md").read_text()
    for name in inspect.signature(Scale).parameters:
        assert f"`{name}`" in text
    assert "| `min_replicas`, `max_replicas` | 1, 4 |" in text
    assert (Scale().min_replicas, Scale().max_replicas) == (1, 4)
    assert (Scale().target_ongoing_requests, Scale().max_ongoing_requests) == (8, 64)
    assert PoseReplica.EstimateStream
