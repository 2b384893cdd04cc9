"""The whole search over two small labelled systems of our own."""

import pytest

from api.evaluate.loghub import System, read_systems
from api.evaluate.metrics import mean
from api.evaluate.mining import METRICS, mined_contents, mined_raw, scores
from api.evaluate.report import Report
from bench.mining_leave_one_out import Scorer, Search, leave_one_out, read_cases
from index.pattern_settings import MASK_RULES, MERGE_RULES
from tests.api.evaluate.labelled import write_system


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> list[System]:
    folder = tmp_path_factory.mktemp("data")
    return read_systems(write_system(write_system(folder, "Till"), "Shop"))


@pytest.fixture(scope="module")
def report(systems: list[System]) -> Report:
    scorer = Scorer(read_cases(systems))
    search = Search(lambda wanted: [scorer(each) for each in wanted], lambda _: None)
    return leave_one_out([system.name for system in systems], search)


def test_shipped_rows_are_what_the_evaluation_of_mining_tells(systems: list[System], report: Report) -> None:
    rows = {(row["system"], row["input"]): row for row in report.rows if row.get("arm") == "shipped"}
    for system in systems:
        for kind, found in (("content", mined_contents(system.contents)), ("raw", mined_raw(system))):
            told = scores(system.labels[0], found)
            assert {name: rows[system.name, kind][name] for name in METRICS} == {name: told[name] for name in METRICS}


def test_what_one_system_teaches_serves_the_other(report: Report) -> None:
    rows = [row for row in report.rows if row.get("arm") == "held out, plain start"]
    assert len(rows) == 4
    assert mean([{name: float(row[name] or 0) for name in METRICS} for row in rows]) == dict.fromkeys(METRICS, 1.0)
    chosen = report.facts["chosen, plain start"]
    assert set(chosen) == {"Till", "Shop"}
    assert "-headers" not in chosen["Till"], "raw lines cannot be told apart with their headers"
    assert "-MACs" in chosen["Till"], "what gained nothing stayed off"


def test_each_rule_and_other_threshold_is_weighed_against_the_shipped(report: Report) -> None:
    without = {row["rule"]: row for row in report.rows if row["part"] == "without a rule"}
    assert without.keys() == {*MASK_RULES, *MERGE_RULES}
    assert float(without["headers"]["gain raw"] or 0) < 0
    assert without["headers"]["gain content"] == without["MACs"]["gain raw"] == 0
    assert without["headers"]["lose"] == 2
    assert any(row.get("threshold") == "word 8 -> 6" for row in report.rows)
