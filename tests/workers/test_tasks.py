"""Celery's tasks on a real broker: nudges that are doubled, two beats, a step that fails, what can be watched."""

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from celery.contrib.testing.worker import start_worker

from ingest import trace
from tests.real.trace_receiver import trace_receiver
from tests.redis_server import RedisServer
from tests.workers.chunks_made import wait_until
from tests.workers.test_steps import Process
from workers.app import TASKS, app, configuration, queue_of, task_name
from workers.composition import JobSettings
from workers.job_board import JobBoard
from workers.steps import Steps
from workers.tasks import PROCESS, Workplace

# Celery 5.7 calls what redis-py 8 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
QUEUES = sorted({queue_of(step) for step in TASKS})


class TestComposition:
    """A worker's parts over a folder, with a prefix of its own in the shared Redis."""

    __test__ = False

    def __init__(self, url: str, folder: Path) -> None:
        self._settings = JobSettings(url, prefix=f"test-{uuid.uuid4().hex}")
        self._folder = folder
        self.opened = 0

    def job_settings(self) -> JobSettings:
        return self._settings

    def watching(self, part: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    @contextmanager
    def open_steps(self) -> Iterator[Steps]:
        self.opened += 1
        with contextlib.closing(Process(self._folder)) as process:
            yield process.steps


@pytest.fixture(scope="module")
def worker(redis_url: str) -> Iterator[str]:
    """A worker that takes all queues, in a thread; yields the prefix of its keys."""
    settings = JobSettings(redis_url, prefix=f"test-{uuid.uuid4().hex}")
    app.config_from_object(configuration(settings), force=True)
    with start_worker(app, pool="solo", queues=QUEUES, perform_ping_check=False, shutdown_timeout=30):
        yield settings.prefix


@pytest.fixture
def place(redis_url: str, worker: str, tmp_path: Path) -> Iterator[Workplace]:
    """The tasks' workplace over fifteen lines."""
    with contextlib.closing(Process(tmp_path / "data")) as process:
        process.put(1)
        process.store.flush()
    place = Workplace(TestComposition(redis_url, tmp_path / "data"))
    PROCESS.use(place)
    yield place
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*(f"{worker}:celery:{queue}" for queue in QUEUES))
    with place.steps():  # no task is under way
        PROCESS.use(None)


def states(board: JobBoard) -> dict[str, str]:
    return {step: said["state"] for step, said in board.read().items()}


def test_one_nudge_leads_to_a_published_generation(place: Workplace) -> None:
    result = app.send_task(task_name("advance"))
    wait_until(lambda: states(place.board).get("publish") == "done")
    assert states(place.board) == dict.fromkeys(["patterns", "incidents", "embed", "publish"], "done")
    board = place.board.read()
    assert board["patterns"]["patterns"] > 0
    assert board["publish"]["generation"]
    with place.steps() as steps:
        assert steps.due() == ""
    result.forget()


def test_the_state_and_outcome_of_a_task_can_be_read(place: Workplace) -> None:
    result = app.send_task(task_name("patterns"))
    assert result.get(timeout=30)["did"] == "patterns"
    assert result.state == "SUCCESS"
    again = app.send_task(task_name("patterns"))
    assert again.get(timeout=30)["did"] == "nothing"
    wait_until(lambda: states(place.board).get("publish") == "done")


def test_doubled_nudges_publish_once(place: Workplace) -> None:
    for _ in range(5):
        for step in ("advance", "advance", "publish", "embed", "incidents", "patterns"):
            app.send_task(task_name(step))
    last = [app.send_task(task_name("publish")) for _ in range(3)]
    wait_until(lambda: states(place.board).get("publish") == "done")
    assert [result.get(timeout=30)["did"] for result in last].count("publish") <= 1
    with place.steps() as steps:
        assert steps.due() == ""
        generation = steps._nearline.published
        assert steps._nearline.progress.runs == 1
    assert generation is not None
    assert generation.counts["count"].sum() == 15


def test_while_another_worker_is_at_a_step_it_is_left_to_it(place: Workplace) -> None:
    with place.board.turn("patterns", owner="another", lease_s=60) as is_mine:
        assert is_mine
        outcome = app.send_task(task_name("patterns")).get(timeout=30)
        assert outcome == {"did": "nothing", "because": "another worker is at it"}
    assert app.send_task(task_name("patterns")).get(timeout=30)["did"] == "patterns"


def test_the_turn_of_a_worker_that_was_lost_is_anothers_soon_and_that_of_a_busy_one_is_not(place: Workplace) -> None:
    lock = f"{place.board._key}:patterns:lock"
    place.board._redis.set(lock, "lost", px=200)
    wait_until(lambda: _took_a_turn(place.board))
    with place.board.turn("patterns", owner="busy", lease_s=0.2) as is_mine:
        assert is_mine
        place.board._redis.set(f"{lock}:later", "", px=600)
        while place.board._redis.exists(f"{lock}:later"):
            assert not _took_a_turn(place.board)
    assert _took_a_turn(place.board)


def _took_a_turn(board: JobBoard) -> bool:
    with board.turn("patterns", owner="next", lease_s=5) as is_mine:
        return is_mine


def test_a_step_that_fails_is_shown_and_tried_at_the_next_nudge(place: Workplace, tmp_path: Path) -> None:
    with place.steps():
        (tmp_path / "data" / "drafts").write_text("a file where the folder should be")
    failed = app.send_task(task_name("patterns"))
    failed.get(timeout=30, propagate=False)
    assert failed.state == "FAILURE"
    assert states(place.board)["patterns"] == "failed"
    assert place.board.read()["patterns"]["error"]
    (tmp_path / "data" / "drafts").unlink()
    app.send_task(task_name("advance"))
    wait_until(lambda: states(place.board).get("publish") == "done")


def test_the_steps_of_a_generation_are_one_trace(place: Workplace) -> None:
    with trace_receiver() as receiver:
        with trace.exporting(receiver.url, service="jobs"):
            app.send_task(task_name("advance"))
            wait_until(lambda: states(place.board).get("publish") == "done")
            with place.steps():  # the last step's span has ended
                pass
        steps = {span.name: span for span in receiver.spans() if span.name.startswith("step ")}
    assert list(steps) == ["step patterns", "step incidents", "step embed", "step publish"]
    assert len({span.trace for span in steps.values()}) == 1
    parents = [span.parent for span in steps.values()]
    assert parents == ["", *(span.id for span in list(steps.values())[:-1])]


def test_the_board_counts_what_was_done_and_what_failed(place: Workplace) -> None:
    place.board.write("embed", "failed", reason="ValueError", error="ValueError: it broke")
    place.board.write("embed", "failed", reason="ValueError", error="ValueError: it broke")
    place.board.write("embed", "done", seconds=1.0)
    assert place.board.counts() == {("embed", "done", ""): 1, ("embed", "failed", "ValueError"): 2}
    assert set(place.board.waiting(QUEUES)) == set(QUEUES)


def test_upkeep_is_done_and_the_store_is_opened_once(place: Workplace) -> None:
    assert app.send_task(task_name("retain")).get(timeout=30)["dropped_lines"] == 15
    app.send_task(task_name("maintain"))
    app.send_task(task_name("advance"))
    with place.steps() as steps:
        assert steps._store.status().lines == 0
    assert isinstance(place._composition, TestComposition)
    assert place._composition.opened == 1


def test_beat_sends_every_task_that_nothing_else_sends_and_every_queue_has_a_task() -> None:
    made = configuration(JobSettings("redis://127.0.0.1:1/0", advance_every_s=7))
    beat = {entry["task"]: entry["schedule"] for entry in made["beat_schedule"].values()}
    assert beat[task_name("advance")] == 7
    assert set(beat) == {task_name(step) for step in ("advance", "maintain", "retain")}
    assert set(beat) <= set(app.tasks)
    assert set(made["task_routes"]) <= set(app.tasks)
    assert {route["queue"] for route in made["task_routes"].values()} == {
        "patterns",
        "embed",
        "incidents",
        "maintenance",
    }


class Operated:
    """Celery as an operator starts it, with a data directory and a Redis of its own."""

    def __init__(self, folder: Path) -> None:
        self.server = RedisServer(folder / "redis").start()
        self.data = folder / "data"
        self.log = folder / "log.txt"
        with contextlib.closing(Process(self.data)) as process:
            process.put(1)
        names = {name: value for name, value in os.environ.items() if not name.startswith("DEJALOG_")}
        self._environment = names | {
            "REDIS_URL": self.server.url,
            "DEJALOG_DATA_DIR": str(self.data),
            "DEJALOG_NEARLINE_INTERVAL": "200ms",
            "DEJALOG_STREAM_LEASE": "1s",
        }
        self.parts: list[subprocess.Popen[bytes]] = []
        self.board = JobBoard(self.server.url)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "workers.app", *arguments]
        with self.log.open("ab") as log:
            self.parts.append(subprocess.Popen(command, env=self._environment, stdout=log, stderr=log))
        return self.parts[-1]

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", "-Q", ",".join(QUEUES), "--without-gossip", "--without-mingle")

    def stop(self) -> list[int]:
        """Ends everything as an operator would; the exit codes."""
        for part in self.parts:
            if part.poll() is None:
                part.send_signal(signal.SIGTERM)
        ends = [part.wait(60) for part in self.parts]
        self.board.close()
        self.server.kill()
        return ends


@pytest.fixture
def operated(tmp_path: Path) -> Iterator[Operated]:
    found = Operated(tmp_path)
    yield found
    found.stop()


def test_two_beats_and_a_worker_publish_one_generation(operated: Operated, tmp_path: Path) -> None:
    for number in range(2):
        operated.start("beat", "-s", str(tmp_path / f"beat-{number}"))
    operated.start_worker()
    wait_until(lambda: states(operated.board).get("publish") == "done", timeout_s=90)
    *_, worker_ended = operated.stop()  # Celery's beat, told to stop while it sends, may end in an error of its own
    said = operated.log.read_text()
    assert worker_ended == 0, said
    assert "job.failed" not in said
    assert said.count("did=publish") == 1
    assert (operated.data / "generation" / "manifest.json").exists()


def test_a_celery_worker_that_is_killed_at_a_step_is_followed_by_another(operated: Operated, tmp_path: Path) -> None:
    operated.start("beat", "-s", str(tmp_path / "beat"))
    first = operated.start_worker()
    wait_until(lambda: states(operated.board), timeout_s=60)
    first.kill()
    first.wait()
    operated.start_worker()
    wait_until(lambda: states(operated.board).get("publish") == "done", timeout_s=90)
    operated.stop()
    with contextlib.closing(Process(operated.data)) as process:
        assert process.steps._drafts.stamp("patterns") == process.nearline.stamp
    assert (operated.data / "generation.damaged" / "manifest.json").exists()  # this test's embedder is another
