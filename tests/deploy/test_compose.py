"""docker-compose.yml passes on every setting, and gives no container more than it needs."""

from typing import Any

import pytest
import yaml

from service.settings import ServiceSettings
from tests.conftest import REPOSITORY

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
SERVERS = ("server", "gpu", "replica")
INSIDE = {"host", "http_port", "grpc_port"}
"""The same in every container: docker-compose.yml publishes the ports."""


@pytest.mark.parametrize("name", SERVERS)
def test_every_setting_reaches_the_server(name: str) -> None:
    passed = {key.removeprefix("FASTERPOSE_").lower() for key in SERVICES[name]["environment"]}
    assert passed == ServiceSettings.model_fields.keys() - INSIDE


def test_a_server_has_the_time_to_drain() -> None:
    environment = SERVICES["server"]["environment"]
    delay = int(environment["FASTERPOSE_DRAIN_DELAY_S"].partition(":-")[2].rstrip("}"))
    grace = int(SERVICES["server"]["stop_grace_period"].rstrip("s"))
    assert delay + ServiceSettings.model_fields["drain_s"].default < grace
    assert delay >= 2  # the balancer asks every half second; a busy server takes its time to answer


@pytest.mark.parametrize("name", SERVICES)
def test_it_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_its_ports_are_the_loopbacks_unless_asked_for(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("${POSE_BIND:-127.0.0.1}:"), port


def test_only_the_server_starts_by_itself() -> None:
    assert {name: each.get("profiles", []) for name, each in SERVICES.items()} == {
        "server": [],
        "gpu": ["gpu"],
        "replica": ["scale"],
        "balancer": ["scale"],
        "prometheus": ["observe"],
        "grafana": ["observe"],
    }


def test_prometheus_and_the_balancer_look_for_the_servers() -> None:
    jobs = yaml.safe_load((REPOSITORY / "docker/prometheus/prometheus.yml").read_text())["scrape_configs"]
    names = {job["job_name"]: job["dns_sd_configs"][0]["names"] for job in jobs if "dns_sd_configs" in job}
    assert set(names["fasterpose"]) == set(SERVERS)
    config = (REPOSITORY / "docker/haproxy/haproxy.cfg").read_text()
    for address in ("server:8000", "server:8001", "replica:8000", "replica:8001"):
        assert address in config
