"""Feedback over HTTP, from the page or the bot, moves what later questions rank first, and nothing else."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.compose import open_dejalog
from tests.api.conftest import settings_for
from tests.bot.conftest import Open
from tests.page.shop import Served, two_days

QUESTION = "has there been a service avalanche?"


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A shop of its own: what it is told would move the ranking of other tests."""
    with two_days(tmp_path_factory.mktemp("taught")) as server:
        yield server


def ask(server: Served, question: str = QUESTION, **more: Any) -> dict[str, Any]:
    reply = server.http.post("/v1/ask", json={"question": question, **more})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def ranked(answer: dict[str, Any]) -> list[str]:
    return [each["incident_id"] for each in answer["similar"]]


def say(server: Served, verdict: str, target: str, *authors: str) -> None:
    for author in authors or ("ada",):
        content = {"verdict": verdict, "target": target, "author": author}
        assert server.http.post("/v1/feedback", json=content).status_code == 201


def test_feedback_moves_scores_says_so_changes_the_revision_and_can_be_taken_back(taught: Served) -> None:
    before = ask(taught)
    first = before["similar"][0]["incident_id"]
    assert all("learned" not in each for each in before["similar"])
    told_ns = time.time_ns()
    say(taught, "not_the_same", first)
    after = ask(taught)
    moved = next(each for each in after["similar"] if each["incident_id"] == first)
    assert moved["learned"] < 0
    assert after["revision"] != before["revision"]
    assert (after["verdict"], after["confidence"]) == (before["verdict"], before["confidence"])
    assert sorted(ranked(after)) == sorted(ranked(before))
    past = ask(taught, as_of=str(told_ns))
    assert all("learned" not in each for each in past["similar"])
    say(taught, "up", first)
    assert ranked(ask(taught)) == ranked(before)


UNSEEN = (
    "did the zeppelin lose its anchor?",
    "has a certificate expired lately?",
    "was there a split brain of the consensus cluster?",
    "最近有没有证书过期?",
    QUESTION,
)


def test_feedback_turns_no_verdict_into_another(taught: Served) -> None:
    verdicts = [ask(taught, question)["verdict"] for question in UNSEEN]
    assert {"found", "not_found"} <= set(verdicts)
    for verdict, authors in (("up", "abcdefgh"), ("not_the_same", "abcdefghijklmnopqrstuvw")):
        for incident in taught.http.get("/v1/incidents").json()["incidents"]:
            say(taught, verdict, incident["incident_id"], *authors)
        assert [ask(taught, question)["verdict"] for question in UNSEEN] == verdicts


def test_the_same_question_over_the_same_feedback_gives_the_same_answer(taught: Served) -> None:
    say(taught, "up", ask(taught)["similar"][-1]["incident_id"], "grace")
    as_of = str(time.time_ns())
    answers = [ask(taught, as_of=as_of) | {"took_ms": 0} for _ in range(2)]
    assert answers[0] == answers[1]


def test_similar_incidents_are_moved_too_and_those_of_the_past_are_not(taught: Served) -> None:
    incident = ask(taught)["similar"][0]["incident_id"]
    asked = {"incident_id": incident}
    alike = taught.http.post("/v1/incidents/similar", json=asked).json()["similar"][0]["incident_id"]
    say(taught, "not_the_same", alike, "hedy", "mary", "joan")
    votes = taught.dejalog.knowledge.feedback()
    for as_of, is_moved in ((None, True), (str(votes[0]["time_ns"]), False)):
        content = asked if as_of is None else {**asked, "as_of": as_of}
        found = taught.http.post("/v1/incidents/similar", json=content).json()["similar"]
        moved = next(each for each in found if each["incident_id"] == alike)
        assert (moved.get("learned", 0.0) < 0) == is_moved


def test_the_pages_form_teaches_like_the_bots_button(taught: Served, open_workspace: Open) -> None:
    incident = ask(taught)["similar"][0]["incident_id"]
    form = {"verdict": "not_the_same", "target": incident, "question": QUESTION, "revision": "r"}
    taught.http.post("/feedback", data=form)
    with open_workspace(dejalog=taught.dejalog) as workspace:
        workspace.press(workspace.answer(QUESTION), "dejalog_up")
    verdicts = [(each["verdict"], bool(each["target"])) for each in taught.dejalog.knowledge.feedback()[-2:]]
    assert verdicts == [("not_the_same", True), ("up", True)]


def test_what_was_learned_outlives_the_process(tmp_path: Path) -> None:
    feedback = {"verdict": "up", "target": "x", "author": "ada", "time_ns": 1}
    with open_dejalog(settings_for(tmp_path / "data")) as dejalog:
        dejalog.apply_feedback(feedback)
    with open_dejalog(settings_for(tmp_path / "data")) as dejalog:
        assert dejalog.knowledge.feedback() == (feedback,)
