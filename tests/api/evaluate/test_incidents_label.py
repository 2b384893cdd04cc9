"""Labels and questions in the forms that people have them."""

from pathlib import Path

import orjson
import pytest

from api.evaluate.incidents_label import read_labels, read_questions
from ingest.errors import InputError
from ingest.simulate import simulate
from ingest.simulate.labels import label_records

MINUTE_NS = 60_000_000_000
START_NS = 1_788_998_400_000_000_000


def written(folder: Path, *records: object) -> Path:
    path = folder / "labels.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(record) for record in records))
    return path


def test_a_recorded_fault_keeps_its_type_its_label_and_its_split(tmp_path: Path) -> None:
    record = {
        "id": "a-1",
        "start": "2026-01-01T00:00:30Z",
        "end": "2026-01-01T00:03:00Z",
        "service": "cart",
        "fault_type": "network_delay",
        "label": "cart/network_delay",
        "split": "dev",
    }
    (label,) = read_labels(written(tmp_path, record))
    assert (label.kind, label.label, label.split, label.service) == (
        "network_delay",
        "cart/network_delay",
        "dev",
        "cart",
    )
    assert label.end_ns - label.start_ns == 150_000_000_000
    assert label.is_delay
    assert not label.is_code


def test_the_labels_that_the_simulator_writes_are_read_with_whom_they_affect(tmp_path: Path) -> None:
    shop = simulate(
        tmp_path / "shop", seed=2, start_ns=START_NS, end_ns=START_NS + 180 * MINUTE_NS, faults=["avalanche:quiet"]
    )
    read = read_labels(tmp_path / "shop" / "labels.jsonl")
    fault = next(label for label in read if not label.benign)
    record = next(one for one in label_records(shop.plan, START_NS, shop.plan.end_ns) if not one["benign"])
    assert (fault.kind, fault.variant, fault.silent) == ("avalanche", "quiet", True)
    assert list(fault.affected) == [each["service"] for each in record["affected"]]
    assert fault.affected[0] == fault.service
    assert fault.row == "avalanche:quiet (silent)"


def test_a_label_without_a_field_is_named_by_its_line(tmp_path: Path) -> None:
    whole = {"id": "a", "start": "2026-01-01", "end": "2026-01-02", "service": "cart", "kind": "x"}
    lacking = {name: value for name, value in whole.items() if name != "service"}
    with pytest.raises(InputError, match=r"line 2 has no 'service'"):
        read_labels(written(tmp_path, whole, lacking))


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("not json")
    with pytest.raises(InputError, match="cannot be read as JSON lines"):
        read_labels(path)


def test_a_question_brings_its_language_and_its_right_answers(tmp_path: Path) -> None:
    path = written(tmp_path, {"question": "最近有雪崩吗?", "lang": "zh", "gold_incident_ids": ["a", "b"]})
    (question,) = read_questions(path)
    assert (question.language, question.gold) == ("zh", frozenset({"a", "b"}))
