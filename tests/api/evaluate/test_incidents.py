"""The report over recorded faults, and the command that prints it."""

import dataclasses
import json
from pathlib import Path

import pytest

from api import cli
from api.evaluate.incidents import evaluate_labelled
from api.evaluate.incidents_label import LabelledQuestion
from api.evaluate.incidents_world import container_logs
from ingest.errors import InputError
from tests.api.evaluate.conftest import Known


def test_the_headline_is_the_answer_arm_and_every_kind_has_its_row(known: Known) -> None:
    question = LabelledQuestion("q", "Was there an avalanche?", "en", frozenset({known.labels[0].id}))
    report = evaluate_labelled(known.world, known.labels, [question])
    kinds = {row["kind"] for row in report.rows if row["part"] == "recall" and row["arm"] == "answer"}
    assert kinds == {"all", "avalanche", "oom_kill"}
    assert {"hit@1", "hit@5", "mrr", "ndcg@10", "as@1", "as@3", "mrr over shifts", "ari"} <= set(report.mean)
    assert report.mean["detection_recall"] == report.mean["hit@1"] == 1.0
    assert report.facts["windows_ranked_otherwise_without_clock_and_ids"] == 0
    assert sum(row["part"] == "questions" for row in report.rows) == 2


def test_delays_alone_have_no_detection_recall_in_the_mean(known: Known) -> None:
    delays = [dataclasses.replace(label, kind="delay", label="delay") for label in known.labels]
    report = evaluate_labelled(known.world, delays)
    assert "detection_recall" not in report.mean
    assert any(row["part"] == "detection" and row["kind"] == "delay faults" for row in report.rows)


def test_a_split_without_pairs_is_refused(known: Known) -> None:
    with pytest.raises(InputError, match="no window of split 'dev'"):
        evaluate_labelled(known.world, known.labels, split="dev")


@pytest.mark.parametrize("part", ["", "containers"], ids=["the folder of the logs", "the one above"])
def test_logs_are_found_in_the_folder_and_in_its_containers(known: Known, part: str) -> None:
    folder = known.shop.containers if not part else known.shop.folder
    with container_logs(folder) as files:
        assert [file.name for file in files] == sorted(file.name for file in known.shop.files)


def test_a_folder_without_logs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no container logs"), container_logs(tmp_path):
        pass


def test_the_command_prints_rows_and_mean(
    known: Known, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = known.shop.folder
    command = ["eval", "incidents", "--data", str(folder), "--labels", str(folder / "labels.jsonl"), "-o", "json"]
    monkeypatch.setattr("sys.argv", ["dejalog", *command])
    assert cli.run() == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["mean"]["hit@1"] == 1.0
    assert {"random", "tfidf", "bursts", "vanished", "time_leak", "answer"} == {
        row["arm"] for row in printed["rows"] if row["part"] == "recall"
    }


def test_the_command_says_what_it_needs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["dejalog", "eval", "incidents"])
    assert cli.run() == 2
    assert "--simulate SEEDS" in capsys.readouterr().err
