"""`dejalog eval mining` over a labelled system of our own."""

import json
from pathlib import Path

import pytest

from api.cli import run
from api.evaluate.loghub import read_systems
from api.evaluate.mining import stability
from api.evaluate.mining_speed import merge_cost
from tests.api.evaluate.labelled import EVENTS, content_of, write_system


def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["dejalog", "eval", "mining", *arguments])
    code = run()
    return code, capsys.readouterr().out


def test_clear_templates_are_found_in_contents_and_in_raw_lines_and_drain3_stands_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_system(tmp_path / "data")
    code, printed = evaluate(monkeypatch, capsys, "--data", str(folder), "--no-speed", "-o", "json")
    report = json.loads(printed)
    assert code == 0
    assert report["mean"] == {"GA": 1.0, "PA": 1.0, "FGA": 1.0, "FTA": 1.0}
    rows = {(row["arm"], row["input"], row["labels"]): row for row in report["rows"]}
    assert rows["answer", "raw", "corrected"]["FTA"] == 1.0, "headers are no part of a template"
    assert rows["answer", "content", "original"]["GA"] < 1.0, "there open and shut are one event"
    assert {row["n_true"] for row in report["rows"]} == {5.0, 4.0}
    assert ("drain3", "raw", "corrected") in rows
    assert rows["answer", "content", "corrected"]["stability"] == 0


def test_a_kept_result_is_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, kept = write_system(tmp_path / "data"), tmp_path / "kept.json"
    evaluate(monkeypatch, capsys, "--data", str(folder), "--no-speed", "--keep", str(kept))
    kept.write_text(kept.read_text().replace('"GA":1.0', '"GA":0.75', 1))
    arguments = ("--data", str(folder), "--no-speed", "--compare", str(kept))
    assert json.loads(evaluate(monkeypatch, capsys, *arguments, "-o", "json")[1])["difference"]["GA"] == 0.25
    assert "0.25" in evaluate(monkeypatch, capsys, *arguments)[1]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (None, "cannot be read: No such file or directory"),
        ("till", "is no kept result"),
        ('{"name": "mining", "rows": [], "mean": {"GA": "high"}, "facts": {}}', "is no kept result"),
        ('{"name": "questions", "rows": [], "mean": {}, "facts": {}}', "is a result of 'questions', not of 'mining'"),
    ],
    ids=["no file", "no JSON", "no numbers", "another evaluation"],
)
def test_a_kept_result_that_cannot_be_compared_with_is_told_before_anything_is_measured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    written: str | None,
    told: str,
) -> None:
    kept = tmp_path / "kept.json"
    if written is not None:
        kept.write_text(written)
    arguments = ["mining", "--data", str(write_system(tmp_path / "data")), "--compare", str(kept)]
    monkeypatch.setattr("sys.argv", ["dejalog", "eval", *arguments])
    assert run() == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert "Till" not in printed.err, "no system was begun"


@pytest.mark.parametrize("evaluation", ["questions", "incidents", "answers"])
def test_every_evaluation_reads_the_kept_result_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], evaluation: str
) -> None:
    needed = {"questions": ["--data", str(tmp_path), "--questions", str(tmp_path / "questions.jsonl")]}
    arguments = [*needed.get(evaluation, []), "--compare", str(tmp_path / "kept.json")]
    monkeypatch.setattr("sys.argv", ["dejalog", "eval", evaluation, *arguments])
    assert run() == 2
    assert "kept.json cannot be read: No such file or directory" in capsys.readouterr().err


def test_a_folder_without_systems_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dejalog", "eval", "mining", "--data", str(tmp_path)])
    assert run() == 1
    assert "no labelled system" in capsys.readouterr().err


def test_labels_are_read_as_they_are_written(tmp_path: Path) -> None:
    (system,) = read_systems(write_system(tmp_path))
    assert [labels.name for labels in system.labels] == ["corrected", "original"]
    assert system.labels[0].event_ids == tuple(EVENTS)
    assert len(system.contents) == len(EVENTS)


def test_lines_whose_pattern_is_joined_later_count_as_changed() -> None:
    steady = [content_of(event, number) for number, event in enumerate(EVENTS)]
    assert stability(steady) == 0
    names = [letter * 4 for letter in "abcdefghijklmnop"]
    assert stability([f"the till of {name} was counted twice" for name in names]) > 0.2


def test_merging_tells_what_it_cost() -> None:
    cost = merge_cost(50)
    assert cost["signatures"] == cost["patterns"] == 50
    assert cost["cpu_s"] >= 0
