"""The alert rules speak of metrics and labels that the program really exports, in ways that fit their types."""

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.deploy.container import ROOT
from tests.metrics_page import page

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
OF_PROMETHEUS = {"up": ("gauge", {"job", "instance"})}
LABELS_OF_PROMETHEUS = {"job", "instance"}
OF_COUNTERS = {"rate", "increase"}
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


@pytest.fixture(scope="module")
def exported() -> dict[str, tuple[str, set[str]]]:
    """The type and the labels of each metric as a rule names it."""
    found = dict(OF_PROMETHEUS)
    for name, (kind, labels, _) in page().items():
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        for end in ends:
            bounds = {"le"} if end == "_bucket" else set()
            found[name + end] = (kind, {*labels, *bounds, *LABELS_OF_PROMETHEUS})
    return found


def nodes(expression: str) -> list[Any]:
    """Every node of a PromQL expression. Raises ValueError when it is none."""
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    return found


@each_rule
def test_every_metric_of_a_rule_is_exported(rule: dict[str, Any], exported: dict[str, tuple[str, set[str]]]) -> None:
    names = {node.name for node in nodes(rule["expr"]) if isinstance(node, promql_parser.VectorSelector)}
    assert names
    assert names <= exported.keys()


@each_rule
def test_every_label_of_a_rule_is_one_that_its_metrics_have(
    rule: dict[str, Any], exported: dict[str, tuple[str, set[str]]]
) -> None:
    had: set[str] = set()
    for node in nodes(rule["expr"]):
        if isinstance(node, promql_parser.VectorSelector):
            labels = exported[str(node.name)][1]
            assert {matcher.name for matcher in node.matchers.matchers} <= labels
            had |= labels
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            assert set(node.modifier.labels) <= had | _labels_below(node, exported)
    shown = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
    assert set(shown) <= had


def _labels_below(node: Any, exported: dict[str, tuple[str, set[str]]]) -> set[str]:
    below = [each for each in nodes(node.expr.prettify()) if isinstance(each, promql_parser.VectorSelector)]
    return {label for each in below for label in exported[str(each.name)][1]}


@each_rule
def test_rates_are_taken_of_counters_and_only_gauges_are_compared_as_they_are(
    rule: dict[str, Any], exported: dict[str, tuple[str, set[str]]]
) -> None:
    rated = {
        str(argument.vector_selector.name)
        for node in nodes(rule["expr"])
        if isinstance(node, promql_parser.Call) and node.func.name in OF_COUNTERS
        for argument in node.args
    }
    for node in nodes(rule["expr"]):
        if isinstance(node, promql_parser.VectorSelector):
            is_counter = exported[str(node.name)][0] in {"counter", "histogram"}
            assert is_counter == (node.name in rated), node.name


@each_rule
def test_a_rule_says_how_bad_it_is_what_happened_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "action"}


def test_alerts_have_names_of_their_own() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_pages_that_rules_name_exist() -> None:
    named = {page for rule in RULES for page in re.findall(r"docs/[\w/.-]+\.md", str(rule))}
    assert named
    assert all(Path(ROOT / page).is_file() for page in named)
