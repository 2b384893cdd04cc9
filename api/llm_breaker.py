"""Lets a language model that failed several times in a row rest, so that no question waits for it; counts its calls."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from api.llm import Completion, LanguageModel, Message, Tool
from api.metrics import BUCKETS_S
from ingest.errors import ModelError

FAILURES = 3
REST_S = 30.0
MOST_REST_S = 300.0
"""The rest is twice as long after each try that fails, up to this. All three are guesses."""
_TELLS = frozenset({"away", "slow", "wrong"})
"""Reasons that tell something of the model; being busy or a question withdrawn does not."""


class ModelMeter:
    """What is counted of a model; all zero where there is none."""

    def __init__(self) -> None:
        self.calls = Counter(
            "dejalog_model_calls", "Calls of the language model, by how they ended.", ["outcome"], registry=None
        )
        self.tokens = Counter(
            "dejalog_model_tokens", "Tokens of its prompts and answers, as its server counts them.", registry=None
        )
        self.seconds = Histogram(
            "dejalog_model_seconds",
            "Time of a call, answered or not; calls while it rests do not count.",
            buckets=(*BUCKETS_S, 60.0, 120.0),
            registry=None,
        )

    def collect(self, *, is_resting: bool = False) -> Iterator[Metric]:
        """As `/metrics` tells it."""
        for each in (self.calls, self.tokens, self.seconds):
            yield from each.collect()
        yield GaugeMetricFamily("dejalog_model_resting", "Whether it is not asked for now.", value=float(is_resting))


class Breaker:
    """A LanguageModel over another. After `failures` in a row it raises ModelError `resting` for `rest_s`; then one
    call is let through, and its end decides.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        failures: int = FAILURES,
        rest_s: float = REST_S,
        clock: Callable[[], float] = time.monotonic,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._model = model
        self._most = failures
        self._first_rest_s = rest_s
        self._clock = clock
        self._close = close
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._rest_s = rest_s
        self._rests_until: float | None = None
        self._is_probing = False
        self._meter = ModelMeter()

    @property
    def name(self) -> str:
        """As the model says."""
        return self._model.name

    @property
    def parameters(self) -> Mapping[str, float]:
        """As the model says."""
        return self._model.parameters

    @property
    def is_resting(self) -> bool:
        """Whether it would not be asked now, or only to see whether it answers again."""
        return self._rests_until is not None

    def close(self) -> None:
        """Ends what the model holds open."""
        self._close()

    def collect(self) -> Iterator[Metric]:
        """As `/metrics` tells it."""
        return self._meter.collect(is_resting=self.is_resting)

    def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        most_tokens: int,
        deadline_s: float,
        on_text: Callable[[str], None] = lambda _text: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Completion:
        """As `api.llm.LanguageModel` says; raises ModelError `resting` at once while the model rests."""
        is_probe = self._admit()
        outcome, began = "cancelled", time.monotonic()  # what it is when `on_text` raises
        try:
            completion = self._model.complete(
                messages,
                tools=tools,
                most_tokens=most_tokens,
                deadline_s=deadline_s,
                on_text=on_text,
                is_cancelled=is_cancelled,
            )
            outcome = "ok"
        except ModelError as error:
            outcome = error.reason
            raise
        finally:
            self._meter.calls.labels(outcome).inc()
            self._meter.seconds.observe(time.monotonic() - began)
            self._learn(outcome, is_probe=is_probe)
        self._meter.tokens.inc(completion.tokens)
        return completion

    def _admit(self) -> bool:
        """Whether this call is the one that looks whether the model answers again."""
        with self._lock:
            if self._rests_until is None:
                return False
            left_s = self._rests_until - self._clock()
            if left_s <= 0 and not self._is_probing:
                self._is_probing = True
                return True
        self._meter.calls.labels("resting").inc()
        told = f"the model failed {self._most} times in a row and is asked again in {max(left_s, 1):.0f} s"
        raise ModelError(told, reason="resting")

    def _learn(self, outcome: str, *, is_probe: bool) -> None:
        with self._lock:
            self._is_probing = self._is_probing and not is_probe
            if outcome == "ok":
                self._in_a_row, self._rests_until, self._rest_s = 0, None, self._first_rest_s
            elif outcome in _TELLS and is_probe:
                self._rest_s = min(self._rest_s * 2, MOST_REST_S)
                self._rests_until = self._clock() + self._rest_s
            elif outcome in _TELLS and self._rests_until is None:
                self._in_a_row += 1
                if self._in_a_row >= self._most:
                    self._rests_until = self._clock() + self._rest_s
