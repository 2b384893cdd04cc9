"""What `/metrics` of Celery's worker and beat tells: the nearline steps as the board in Redis has them."""

import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.errors import RefusedError
from workers.app import TASKS, queue_of
from workers.job_board import JobBoard

QUEUES = sorted({queue_of(step) for step in TASKS})


class JobCollector(Collector):
    """Of all workers together; absent while Redis does not answer."""

    def __init__(self, board: JobBoard) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """Made from one look at the board."""
        try:
            counts, waiting, said = self._board.counts(), self._board.waiting(QUEUES), self._board.read()
        except RefusedError:
            return
        done = CounterMetricFamily("dejalog_job_done", "Steps done.", labels=["step"])
        failures = CounterMetricFamily("dejalog_job_failures", "Steps that failed.", labels=["step", "reason"])
        for (step, state, reason), count in counts.items():
            if state == "failed":
                failures.add_metric([step, reason], count)
            elif state == "done":
                done.add_metric([step], count)
        yield from (done, failures)
        messages = GaugeMetricFamily("dejalog_job_waiting_tasks", "Tasks that no worker has taken.", labels=["queue"])
        for queue, count in waiting.items():
            messages.add_metric([queue], count)
        yield messages
        seconds = GaugeMetricFamily("dejalog_job_seconds", "Duration of the last run that was done.", labels=["step"])
        running = GaugeMetricFamily("dejalog_job_running", "Whether a worker is at it.", labels=["step"])
        age = GaugeMetricFamily("dejalog_job_age_seconds", "Since the step began or ended last.", labels=["step"])
        for step, word in said.items():
            if "seconds" in word:
                seconds.add_metric([step], word["seconds"])
            running.add_metric([step], float(word["state"] == "running"))
            age.add_metric([step], max(0.0, time.time() - word["time"]))
        yield from (seconds, running, age)
