"""The Train-Ticket data through the real server: every line stored, patterns that sum to them, incidents recalled.

    python -m bench.train_ticket DATA

`DATA` holds `containers.tar.xz`, `incidents.jsonl` and `questions.jsonl`. Exit status 1 when something falls short.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from api.evaluate.unpack import unpack
from api.time_text import parse_time

LINES = 184_936
ADDRESS = "127.0.0.1:8917"
FILTERS = ({}, {"service": "ts-order-service"}, {"level": "error"}, {"query": "order"}, {"query": "-order"})


@dataclasses.dataclass
class Outcome:
    """What was checked, and whether all of it held."""

    held: bool = True

    def check(self, what: str, *, holds: bool) -> None:
        print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
        self.held = self.held and holds


def main(data: Path) -> bool:
    """Run the server over the data and check it; True when everything held."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        unpack(data / "containers.tar.xz", Path(folder))
        server = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("dejalog")),
                *("serve", "--listen", ADDRESS, "--data-dir", f"{folder}/data"),
                *("--collect", f"{folder}/containers", "--log-level", "warning"),
            ]
        )
        try:
            with httpx.Client(
                base_url=f"http://{ADDRESS}", timeout=300, transport=httpx.HTTPTransport(retries=60)
            ) as client:
                started = time.monotonic()
                _wait(client)
                print(f"stored and mined after {time.monotonic() - started:.1f} s")
                _check_sums(client, outcome)
                _check_incidents(client, outcome, _rows(data / "incidents.jsonl"))
                _check_questions(client, outcome, _rows(data / "questions.jsonl"), _rows(data / "incidents.jsonl"))
        finally:
            server.terminate()
            server.wait(60)
    return outcome.held


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        status = client.get("/v1/status", params={"wait": "60s"}).json()
        held = _total(client, {})
        if status["lag_bytes"] == 0 and held >= LINES:
            client.get("/v1/status", params={"wait": "120s"})
            return
        time.sleep(0.5)


def _total(client: httpx.Client, where: dict[str, str]) -> int:
    reply = client.get("/v1/search", params={"query": "*", "start": "2020-01-01T00:00:00Z", "limit": "1", **where})
    total: int = reply.json()["total"]
    return total


def _check_sums(client: httpx.Client, outcome: Outcome) -> None:
    outcome.check(f"{_total(client, {})} lines are stored, {LINES} expected", holds=_total(client, {}) == LINES)
    for where in FILTERS:
        reply = client.get("/v1/patterns", params={"limit": "100000", **where}).json()
        summed = sum(pattern["count"] for pattern in reply["patterns"])
        found = _total(client, where)
        outcome.check(
            f"with {where or 'no filter'}: {len(reply['patterns'])} patterns sum to {summed} of {found} lines",
            holds=summed == reply["total_lines"] == found,
        )


def _check_incidents(client: httpx.Client, outcome: Outcome, labels: list[dict[str, Any]]) -> None:
    incidents = client.get("/v1/incidents", params={"limit": "10000"}).json()["incidents"]
    code = [label for label in labels if label["fault_type"] in {"return", "exception"}]
    found = [label for label in code if any(_meets(incident, label) for incident in incidents)]
    named = [
        label
        for label in found
        if any(_meets(incident, label) and incident["services"][:1] == [label["service"]] for incident in incidents)
    ]
    alarms = [incident for incident in incidents if not any(_meets(incident, label) for label in labels)]
    print(
        f"{len(incidents)} incidents; of {len(code)} code faults {len(found)} found, {len(named)} with the faulty "
        f"service first; {len(alarms)} incidents meet no label"
    )
    outcome.check("some incidents were found", holds=bool(incidents))


def _check_questions(
    client: httpx.Client, outcome: Outcome, questions: list[dict[str, Any]], labels: list[dict[str, Any]]
) -> None:
    by_id = {label["id"]: label for label in labels}
    for question in questions:
        answer = client.post("/v1/ask", json={"question": question["question"]}).json()
        first = [
            client.get(f"/v1/incidents/{each['incident_id']}").json()["incident"] for each in answer["similar"][:2]
        ]
        right = [any(_meets(incident, by_id[gold]) for gold in question["gold_incident_ids"]) for incident in first]
        outcome.check(
            f"{question['id']} {answer['verdict']} {answer['confidence']:.2f}, right among the first two: {right}: "
            f"{[incident['title'][:70] for incident in first]}",
            holds=answer["verdict"] == "found" and any(right),
        )


def _meets(incident: dict[str, Any], label: dict[str, Any]) -> bool:
    start, end, from_, to = (
        parse_time(text, now_ns=time.time_ns(), name="time")
        for text in (incident["start"], incident["end"], label["start"], label["end"])
    )
    return start < to and from_ < end


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1])) else 1)
