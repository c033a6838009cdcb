"""Every query of the dashboard and of the alert rules asks for what a server exports."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.deploy.exported import Exported
from tests.deploy.promql import Selector, grouping_labels, selectors

PROMETHEUS = REPOSITORY / "docker/prometheus"
GRAFANA = REPOSITORY / "docker/grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards/fasterpose.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES: list[dict[str, str]] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
QUERIES = {
    **{f"{panel['title']} {each['refId']}": each["expr"] for panel in PANELS for each in panel["targets"]},
    **{rule["alert"]: rule["expr"] for rule in RULES},
}


def test_a_query_is_taken_apart() -> None:
    query = (
        'sum by (le, a) (rate(x_bucket{b=~"c|d)", e!="f"}[5m])) / on (g) group_left () y > 0.5 or absent(up{job="h"})'
    )
    assert selectors(query) == [
        Selector("x_bucket", (("b", "=~", "c|d)"), ("e", "!=", "f"))),
        Selector("y", ()),
        Selector("up", (("job", "=", "h"),)),
    ]
    assert grouping_labels(query) == {"le", "a", "g"}


@pytest.mark.parametrize("name", QUERIES)
def test_it_asks_for_what_is_exported(name: str, exported: Exported) -> None:
    query = QUERIES[name]
    found = selectors(query)
    assert found
    for selector in found:
        assert selector.metric in exported.labels, f"{selector.metric} is not exported"
        for label, operator, value in selector.matchers:
            assert label in exported.labels[selector.metric], f"{selector.metric} has no label {label}"
            for pattern in value.split("|") if operator in {"=~", "!~"} else [re.escape(value)]:
                assert pattern.startswith("$") or exported.matches(label, pattern), f"{label} is never {pattern}"
    have = set[str]().union(*(exported.labels[selector.metric] for selector in found))
    assert grouping_labels(query) <= have


def test_the_variables_ask_for_what_is_exported(exported: Exported) -> None:
    for variable in DASHBOARD["templating"]["list"]:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # pyright: ignore[reportOptionalMemberAccess] - None fails
        assert label in exported.labels[metric]


def test_every_metric_of_the_contract_is_drawn(exported: Exported) -> None:
    drawn = {
        re.sub(r"_(bucket|sum|count)$", "", each.metric) for query in QUERIES.values() for each in selectors(query)
    }
    exposed = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in exported.labels}
    own = {name for name in exposed if name.startswith("fasterpose_")}
    assert own - drawn <= {"fasterpose_queue_limit"} | {name for name in own if f"{name}_total" in own}


def test_panels_do_not_overlap() -> None:
    taken = set[tuple[int, int]]()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        width = 24 if "repeat" in panel else place["w"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(width) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_legends_and_summaries_name_labels_that_are_there(exported: Exported) -> None:
    texts = {f"{p['title']} {t['refId']}": t["legendFormat"] for p in PANELS for t in p["targets"]}
    texts |= {rule["alert"]: rule["annotations"]["summary"] for rule in RULES}  # pyright: ignore[reportArgumentType] - a nested mapping
    for name, text in texts.items():
        have = set[str]().union(*(exported.labels[each.metric] for each in selectors(QUERIES[name])))
        assert set(re.findall(r"{{ ?(?:\$labels\.)?(\w+) ?}}", text)) <= have, name


def test_grafana_is_given_what_the_dashboard_names() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert {each["datasource"]["uid"] for panel in PANELS for each in panel["targets"]} == {source["uid"]}
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/fasterpose.yml").read_text())["providers"]
    assert f"./docker/grafana/dashboards:{provider['options']['path']}:ro" in compose["grafana"]["volumes"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed; make test-containers runs it")
@pytest.mark.parametrize("command", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_a_server_that_nobody_asks_has_no_errors(tmp_path: Path) -> None:
    """Not 0 / 0."""
    series = 'fasterpose_requests_total{instance="a:8000", method="/v1/pose", status="STATUS"}'
    tried = {
        "interval": "5s",
        "input_series": [
            {"series": series.replace("STATUS", "200"), "values": "0+3x60 180x60"},
            {"series": series.replace("STATUS", "500"), "values": "0+1x60 60x60"},
        ],
        "promql_expr_test": [
            {"expr": query_of("Errors"), "eval_time": when, "exp_samples": [{"labels": "{}", "value": share}]}
            for when, share in (("4m", 0.25), ("9m", 0))
        ],
    }
    (tmp_path / "errors.yml").write_text(yaml.safe_dump({"evaluation_interval": "5s", "tests": [tried]}))
    done = subprocess.run(
        ["promtool", "test", "rules", "errors.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def query_of(title: str) -> str:
    """A panel's only query, over all servers and a minute."""
    (query,) = next(panel["targets"] for panel in PANELS if panel["title"] == title)
    return str(query["expr"]).replace("$instance", ".*").replace("$__rate_interval", "1m")


def test_every_alert_is_tried_both_ways() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    tried = [(each["alertname"], bool(each["exp_alerts"])) for test in tests for each in test["alert_rule_test"]]
    assert set(tried) == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}
