"""The scrape configurations of the page find every process that has /metrics, under names that the alert rules know."""

import re
import textwrap
from typing import Any

import yaml

from tests.deploy.container import KUBERNETES, ROOT, Json, compose, composed, pods, resolved

PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text("utf-8")
BY_DNS, BY_POD = (
    yaml.safe_load(textwrap.dedent(block))["scrape_configs"][0]
    for block in re.findall(r"^    scrape_configs:\n(?:    .*\n)+", PAGE, re.MULTILINE)
)
LABELS = "__meta_kubernetes_pod_label_"
PARTS = {"receiver", "ingest", "celery", "beat", "query"}


def relabelled(config: Json, discovered: dict[str, str]) -> dict[str, str] | None:
    """What Prometheus makes of a target, for the ways of relabelling that ours use; None: it is not scraped."""
    target = {"job": config["job_name"]} | discovered
    for rule in config["relabel_configs"]:
        value = ";".join(target.get(label, "") for label in rule["source_labels"])
        if rule.get("action") == "keep":
            if not re.fullmatch(rule["regex"], value):
                return None
        else:
            assert rule.keys() <= {"source_labels", "target_label", "replacement"}
            target[rule["target_label"]] = rule.get("replacement", "$1").replace("$1", value)
    return target


def listening() -> dict[str, Json]:
    """The services of the compose file that answer beyond their own loopback."""
    content = compose()["services"]
    return {
        name: content[name]
        for name in (each.name.removeprefix("compose ") for each in composed() if each.is_ours)
        if "0.0.0.0:8900" in {*content[name]["command"], content[name]["environment"].get("DEJALOG_WORKER_LISTEN")}
    }


def test_in_compose_all_are_scraped_but_the_collector_and_the_worker_on_cards() -> None:
    (found,) = BY_DNS["dns_sd_configs"]
    assert set(found["names"]) == PARTS == set(listening()) - {"celery-gpu"}
    assert (found["type"], found["port"]) == ("A", 8900)
    assert all("stores" in service["networks"] for service in listening().values())


def test_in_compose_only_the_collector_keeps_to_its_loopback() -> None:
    ours = {each.name.removeprefix("compose ") for each in composed() if each.is_ours}
    assert ours - set(listening()) == {"collector"}
    assert compose()["services"]["collector"]["command"][-2:] == ["--listen", "127.0.0.1:8900"]


def targets() -> dict[str, dict[str, str] | None]:
    """What is made of each port of each pod, and of each pod that names none."""
    made = {}
    for name, pod in pods(resolved(KUBERNETES / "gpu")).items():
        assert pod["metadata"]["namespace"] in BY_POD["kubernetes_sd_configs"][0]["namespaces"]["names"]
        labels = {LABELS + re.sub(r"\W", "_", key): value for key, value in pod["metadata"]["labels"].items()}
        for port in pod["spec"]["containers"][0].get("ports", [{}]):
            told: dict[str, Any] = {"__meta_kubernetes_pod_container_port_name": port.get("name", "")}
            made[name] = relabelled(BY_POD, labels | told | {"__meta_kubernetes_pod_name": f"{name}-0"})
    return made


def test_in_kubernetes_all_are_scraped_each_by_its_name() -> None:
    scraped = {name: target for name, target in targets().items() if target is not None}
    assert {target["job"] for target in scraped.values()} == {f"dejalog-{part}" for part in {*PARTS, "collector"}}
    assert all(target["instance"] == f"{name}-0" for name, target in scraped.items())
    assert set(targets()) - set(scraped) == {"StatefulSet/redis", "Job/doctor"}


def test_jobs_begin_as_the_alert_rules_expect() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8")
    (job,) = set(re.findall(r'job=~"([^"]+)"', rules))
    service = relabelled(BY_DNS, {"__meta_dns_name": "beat"})
    assert service is not None
    assert service["job"] == "dejalog-beat"
    assert all(re.fullmatch(job, each) for each in (BY_DNS["job_name"], BY_POD["job_name"], service["job"]))
