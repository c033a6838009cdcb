"""The manifests fit Kubernetes' schemas, and the server: its settings, ports, paths, metrics and time to drain."""

import re
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from service.settings import ENV_PREFIX, ServiceSettings, SettingsError, load_settings
from tests.deploy.kustomize import KUBERNETES, OVERLAYS, Manifest, files, overlay, the

VERSIONS = ("1.30", "1.37")
"""The oldest and the newest Kubernetes whose schemas are checked."""

CUSTOM = {"ServiceMonitor"}
"""Kinds of operators, which Kubernetes' own schemas do not know; `test_the_service_monitor...` looks at them."""


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return overlay(request.param)


def pod_of(manifests: list[Manifest]) -> dict[str, Any]:
    return the(manifests, "Deployment")["spec"]["template"]["spec"]


def server_of(manifests: list[Manifest]) -> dict[str, Any]:
    (server,) = pod_of(manifests)["containers"]
    return server


def test_every_object_fits_the_schemas(manifests: list[Manifest]) -> None:
    kinds = [manifest["kind"] for manifest in manifests]
    assert set(kinds) == CUSTOM | {
        "Namespace",
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "HorizontalPodAutoscaler",
    }
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            for version in VERSIONS:
                kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_refuse_a_misspelt_field(manifests: list[Manifest]) -> None:
    deployment = the(manifests, "Deployment")
    misspelt = deployment | {"spec": deployment["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, VERSIONS[-1], strict=True)


def test_every_file_belongs_to_an_overlay_or_is_for_helm() -> None:
    named: set[str] = {"kustomization.yaml", "prometheus-adapter.yaml"}
    for path in files():
        if path.name == "kustomization.yaml":
            text = yaml.safe_load(path.read_text())
            named |= {str(each) for each in text.get("resources", [])}
            named |= {str(each["path"]) for each in text.get("patches", [])}
    assert {path.name for path in files()} <= named


def test_the_settings_are_the_servers(manifests: list[Manifest]) -> None:
    environment = {
        each["name"]: each.get("value", "2")
        for each in server_of(manifests)["env"]  # limits.cpu is a whole number
    }
    assert all(name.startswith(ENV_PREFIX) for name in environment)
    names = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in environment.items()}
    settings = load_settings(dict(names), None, environment)
    assert settings.host == "0.0.0.0"
    assert settings.threads == 2


def test_kubernetes_adds_no_variable_that_the_server_refuses(manifests: list[Manifest]) -> None:
    """A Service called fasterpose would, see `enableServiceLinks`."""
    with pytest.raises(SettingsError):
        load_settings({}, None, {"FASTERPOSE_SERVICE_HOST": "10.0.0.1"})
    assert pod_of(manifests)["enableServiceLinks"] is False


async def test_the_probes_ask_for_what_the_server_answers(manifests: list[Manifest], client: httpx.AsyncClient) -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        question = server_of(manifests)[probe]["httpGet"]
        assert question["port"] == "http"
        assert (await client.get(question["path"])).status_code == 200
    assert server_of(manifests)["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert server_of(manifests)["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_the_ports_are_the_servers(manifests: list[Manifest]) -> None:
    ports = {port["name"]: port["containerPort"] for port in server_of(manifests)["ports"]}
    fields = ServiceSettings.model_fields
    assert ports == {"http": fields["http_port"].default, "grpc": fields["grpc_port"].default}
    targets = {
        port["targetPort"]
        for service in ("fasterpose", "fasterpose-grpc")
        for port in the(manifests, "Service", service)["spec"]["ports"]
    }
    allowed = {port["port"] for rule in the(manifests, "NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]}
    assert targets == allowed == set(ports)


def test_grpc_clients_see_every_pod(manifests: list[Manifest]) -> None:
    assert the(manifests, "Service", "fasterpose-grpc")["spec"]["clusterIP"] == "None"


def test_there_is_time_to_drain(manifests: list[Manifest]) -> None:
    command = server_of(manifests)["lifecycle"]["preStop"]["exec"]["command"]
    drain = next(each["value"] for each in server_of(manifests)["env"] if each["name"] == "FASTERPOSE_DRAIN_S")
    assert command[0] == "sleep"
    readiness = server_of(manifests)["readinessProbe"]
    assert int(command[1]) >= readiness["periodSeconds"] * readiness["failureThreshold"]
    assert pod_of(manifests)["terminationGracePeriodSeconds"] >= int(command[1]) + int(drain) + 5


def test_the_selectors_find_the_pods(manifests: list[Manifest]) -> None:
    labels = the(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        the(manifests, "Deployment")["spec"]["selector"]["matchLabels"],
        the(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(the(manifests, "Service", name)["spec"]["selector"] for name in ("fasterpose", "fasterpose-grpc")),
        *(each["labelSelector"]["matchLabels"] for each in pod_of(manifests)["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()


def test_the_container_has_no_rights(manifests: list[Manifest]) -> None:
    pod, server = pod_of(manifests), server_of(manifests)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    assert server["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert the(manifests, "Namespace", "fasterpose")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == (
        "restricted"
    )
    assert the(manifests, "NetworkPolicy")["spec"]["egress"] == []


def test_threads_and_memory_are_bounded(manifests: list[Manifest]) -> None:
    resources = server_of(manifests)["resources"]
    assert resources["limits"].keys() >= {"cpu", "memory"}
    assert resources["limits"]["cpu"].isdigit()  # FASTERPOSE_THREADS is made of it
    least = sum(ServiceSettings.model_fields[name].default for name in ("max_in_flight_bytes", "max_queue_bytes"))
    assert int(resources["limits"]["memory"].removesuffix("Gi")) * 2**30 > 2 * least


@pytest.mark.parametrize(("name", "image"), [("cpu", "fasterpose:cpu"), ("gpu", "fasterpose:gpu")])
def test_the_overlays_differ_in_what_they_run(name: str, image: str) -> None:
    server = server_of(overlay(name))
    assert server["image"] == image
    assert ("nvidia.com/gpu" in server["resources"]["limits"]) == (name == "gpu")
    devices = [each["value"] for each in server["env"] if each["name"] == "FASTERPOSE_DEVICE"]
    assert devices == (["cuda"] if name == "gpu" else [])


async def test_the_service_monitor_asks_for_the_metrics(manifests: list[Manifest], client: httpx.AsyncClient) -> None:
    monitor = the(manifests, "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert (await client.get(endpoint["path"])).status_code == 200
    selector = monitor["spec"]["selector"]["matchLabels"].items()
    services = [each for each in manifests if each["kind"] == "Service"]
    (service,) = [
        each for each in services if selector <= each["metadata"]["labels"].items()
    ]  # else each pod is scraped twice
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


async def test_the_autoscaler_follows_a_metric_that_is_made_of_the_servers(
    manifests: list[Manifest], client: httpx.AsyncClient, photo: bytes
) -> None:
    autoscaler = the(manifests, "HorizontalPodAutoscaler")["spec"]
    assert autoscaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "fasterpose"}
    assert "replicas" not in the(manifests, "Deployment")["spec"]
    (metric,) = autoscaler["metrics"]
    values = yaml.safe_load((KUBERNETES / "components/autoscaling/prometheus-adapter.yaml").read_text())
    (rule,) = values["rules"]["custom"]
    assert rule["name"]["as"] == metric["pods"]["metric"]["name"]
    await client.post("/v1/pose", content=photo, headers={"Content-Type": "image/png"})
    exported = set(re.findall(r"^(\w+)", (await client.get("/metrics")).text, re.MULTILINE))
    asked = set(re.findall(r"\b(fasterpose_\w+)\{", rule["seriesQuery"] + rule["metricsQuery"]))
    assert asked == {"fasterpose_queue_wait_seconds_count", "fasterpose_queue_wait_seconds_sum"}
    assert asked <= exported
