"""What `/metrics` tells of the bot: how what Slack sent ended, how soon it had its acknowledgement, what waits."""

from collections.abc import Iterator

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

OUTCOMES = ("answered", "limited", "invalid", "failed", "repeated", "busy", "unsigned")
"""The first four are those of a Reply; then what Slack sent again, what there was no room for, and what it did not
sign.
"""
ACKNOWLEDGE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Slack waits 3 s."""
ANSWER_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)


class BotMeter(Collector):
    """The counters of one process, zeros where no bot is set up. Thread-safe."""

    def __init__(self) -> None:
        self._requests = Counter(
            "dejalog_bot_requests", "What Slack sent, by how it ended.", ["outcome"], registry=None
        )
        for outcome in OUTCOMES:
            self._requests.labels(outcome)
        self.acknowledging = Histogram(
            "dejalog_bot_acknowledge_seconds",
            "Time until Slack had its acknowledgement.",
            buckets=ACKNOWLEDGE_BUCKETS_S,
            registry=None,
        )
        self.answering = Histogram(
            "dejalog_bot_answer_seconds",
            "Time from then until what is said was posted.",
            buckets=ANSWER_BUCKETS_S,
            registry=None,
        )
        self.waiting = Gauge("dejalog_bot_waiting", "Requests acknowledged and not answered yet.", registry=None)

    def count(self, outcome: str) -> None:
        """One of OUTCOMES."""
        self._requests.labels(outcome).inc()

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        for each in (self._requests, self.acknowledging, self.answering, self.waiting):
            yield from each.collect()
