"""`dejalog eval questions` over a labelled system of our own."""

import json
from pathlib import Path

import pytest

from api.answer import AskSettings
from api.cli import run
from api.evaluate.question_curve import curve, found_up_to, thresholds
from api.evaluate.questions import read_questions
from ingest.errors import InputError
from tests.api.evaluate.labelled import write_system

QUESTIONS = [
    ("q1", "en", "When was there a paper jam?", ["E4"]),
    ("q2", "en", "Which receipts were printed?", ["E3"]),
    ("q3", "zh", "有没有银行 declined 的 card?", ["E5"]),
    ("q4", "en", "Did a meteorite hit the roof?", []),
]


def write_questions(folder: Path, *, system: str = "Till") -> Path:
    path = folder / "questions.jsonl"
    rows = [
        {"id": name, "system": system, "question": text, "lang": language, "gold_event_ids": gold, "half": half}
        for (name, language, text, gold), half in zip(QUESTIONS, ["tune", "report"] * 2, strict=True)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("questions")
    kept = folder / "kept.json"
    arguments = ["--data", str(write_system(folder / "data")), "--questions", str(write_questions(folder))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["dejalog", "eval", "questions", *arguments, "-o", "json", "--keep", str(kept)])
        assert run() == 0
    found: dict[str, object] = json.loads(kept.read_text())
    return found


def rows_of(report: dict[str, object]) -> dict[tuple[str, str, str], dict[str, float]]:
    rows = report["rows"]
    assert isinstance(rows, list)
    return {(row["arm"], row["lang"], row["store"]): row for row in rows}


def test_every_arm_is_scored_by_language_and_store(report: dict[str, object]) -> None:
    rows = rows_of(report)
    assert {arm for arm, *_ in rows} == {"grep", "bm25_lines", "bm25_patterns", "dense", "fused", "answer"}
    assert {language for _, language, _ in rows} == {"en", "zh", "all"}
    assert {store for *_, store in rows} == {"own", "shared"}


def test_plain_questions_are_found_by_the_answer(report: dict[str, object]) -> None:
    row = rows_of(report)["answer", "all", "own"]
    assert row["n"] == 4
    assert row["mrr"] >= 0.8
    assert report["mean"] == {name: value for name, value in row.items() if isinstance(value, float)}


def test_an_unanswerable_question_is_counted_as_abstention_only(report: dict[str, object]) -> None:
    rows = rows_of(report)
    assert rows["answer", "en", "own"]["abstention"] == 1.0
    assert rows["answer", "zh", "own"]["abstention"] is None
    assert "abstention" not in rows["dense", "en", "own"]


def test_the_curve_tells_what_each_threshold_would_give(report: dict[str, object]) -> None:
    facts = report["facts"]
    assert isinstance(facts, dict)
    curves = facts["abstention_curve"]
    assert set(curves) == {"threshold_used", "en", "all"}, "no Chinese question is unanswerable"
    curve, row = curves["all"], rows_of(report)["answer", "all", "own"]
    assert curve["threshold"] == sorted(curve["threshold"])
    assert curve["answer_rate"] == sorted(curve["answer_rate"], reverse=True)
    assert curve["answer_rate"][0] > curve["answer_rate"][-1]
    used = curve["threshold"].index(curves["threshold_used"])
    assert (curve["answer_rate"][used], curve["abstention"][used]) == (row["answer_rate"], row["abstention"])


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.36, 0.37, 1.0])
def test_a_few_questions_find_the_highest_threshold_that_is_passed(strength: float) -> None:
    asked: list[float] = []

    def is_found(settings: AskSettings) -> bool:
        asked.append(settings.support.pattern_found)
        return strength >= settings.support.pattern_found

    passed = [each for each in thresholds(AskSettings()) if each <= strength]
    assert found_up_to(AskSettings(), is_found) == passed[-1]
    assert len(asked) <= 5


def test_what_is_never_found_passes_no_threshold() -> None:
    assert found_up_to(AskSettings(), lambda _: False) is None
    assert curve([None], [None], AskSettings())["answer_rate"] == [0.0] * len(thresholds(AskSettings()))


def test_a_half_is_chosen_where_questions_name_theirs(tmp_path: Path) -> None:
    path = write_questions(tmp_path)
    assert [question.id for question in read_questions([path], half="report")] == ["q2", "q4"]
    assert len(read_questions([path, path])) == 8


def test_what_is_no_question_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text('{"id": "a"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1 of .*broken\.jsonl is no question"):
        read_questions([path])


def test_a_system_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, asked = write_system(tmp_path / "data"), write_questions(tmp_path, system="Moon")
    monkeypatch.setattr("sys.argv", ["dejalog", "eval", "questions", "--data", str(data), "--questions", str(asked)])
    assert run() == 2
    assert "questions ask about Moon" in capsys.readouterr().err
