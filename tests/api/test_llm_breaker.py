"""A language model that fails is left alone for a while."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from api.llm import Message
from api.llm_breaker import Breaker, ModelMeter
from api.llm_openai import OpenAIModel
from ingest.errors import ModelError
from tests.real.model_server import ModelServer, Said, scripted_model
from tests.workers.chunks_made import wait_until

ASKED = [Message("user", "Why did payments fail?")]
BAD: Said = {"status": 401, "body": {"error": {"message": "no such key"}}}


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Shop:
    """A breaker over a real client of a server that fails when it is told to."""

    def __init__(self) -> None:
        self.is_well = True
        self.clock = Clock()
        self.holds: threading.Event | None = None
        self.server: ModelServer
        self.breaker: Breaker

    def answer(self) -> Said:
        said: Said = "Ready." if self.is_well else BAD
        if self.holds is not None:
            self.holds.wait()
        return said

    def outcome(self) -> str:
        try:
            self.breaker.complete(ASKED, most_tokens=20, deadline_s=60)
        except ModelError as error:
            return error.reason
        return "ok"

    def told(self) -> str:
        class Once(Collector):
            collect = staticmethod(self.breaker.collect)

        registry = CollectorRegistry()
        registry.register(Once())
        return generate_latest(registry).decode()


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    with scripted_model(lambda _request: shop.answer()) as shop.server:
        model = OpenAIModel(shop.server.url)
        shop.breaker = Breaker(model, failures=3, rest_s=30, clock=shop.clock, close=model.close)
        yield shop
        shop.breaker.close()


def test_after_three_failures_in_a_row_it_is_not_asked(shop: Shop) -> None:
    shop.is_well = False
    assert [shop.outcome() for _ in range(5)] == ["wrong", "wrong", "wrong", "resting", "resting"]
    assert len(shop.server.requests) == 3


def test_a_success_between_failures_begins_the_count_anew(shop: Shop) -> None:
    found = []
    for well in (False, False, True, False, False, True):
        shop.is_well = well
        found.append(shop.outcome())
    assert found == ["wrong", "wrong", "ok", "wrong", "wrong", "ok"]


def test_after_its_rest_one_call_decides(shop: Shop) -> None:
    shop.is_well = False
    for _ in range(3):
        shop.outcome()
    shop.clock.now_s += 29
    assert shop.outcome() == "resting"
    shop.clock.now_s += 1
    assert [shop.outcome(), shop.outcome()] == ["wrong", "resting"]
    shop.clock.now_s += 31
    assert shop.outcome() == "resting"  # the second rest is twice as long
    shop.clock.now_s += 30
    shop.is_well = True
    assert [shop.outcome(), shop.outcome()] == ["ok", "ok"]
    assert not shop.breaker.is_resting


def test_while_that_one_call_runs_all_others_rest(shop: Shop) -> None:
    shop.is_well = False
    for _ in range(3):
        shop.outcome()
    shop.clock.now_s += 30
    shop.is_well, shop.holds = True, threading.Event()
    with ThreadPoolExecutor(1) as pool:
        probe = pool.submit(shop.outcome)
        wait_until(lambda: len(shop.server.requests) == 4)
        assert shop.outcome() == "resting"
        shop.holds.set()
        assert probe.result() == "ok"
    assert shop.outcome() == "ok"


def test_a_question_that_is_withdrawn_says_nothing_of_the_model(shop: Shop) -> None:
    shop.is_well = False
    for _ in range(4):
        with pytest.raises(ModelError) as caught:
            shop.breaker.complete(ASKED, most_tokens=20, deadline_s=60, is_cancelled=lambda: True)
        assert caught.value.reason == "cancelled"
    assert not shop.breaker.is_resting


def test_one_that_is_withdrawn_while_it_decides_leaves_that_to_the_next(shop: Shop) -> None:
    shop.is_well = False
    for _ in range(3):
        shop.outcome()
    shop.clock.now_s += 30
    with pytest.raises(ModelError):
        shop.breaker.complete(ASKED, most_tokens=20, deadline_s=60, is_cancelled=lambda: True)
    shop.is_well = True
    assert shop.outcome() == "ok"


def test_it_is_the_model_that_it_wraps(shop: Shop) -> None:
    pieces: list[str] = []
    answer = shop.breaker.complete(ASKED, most_tokens=20, deadline_s=60, on_text=pieces.append)
    assert "".join(pieces) == answer.text == "Ready."
    assert (shop.breaker.name, shop.breaker.parameters["temperature"]) == ("scripted", 0)


def test_calls_tokens_and_rest_are_counted(shop: Shop) -> None:
    shop.outcome()
    assert "dejalog_model_resting 0.0" in shop.told()
    shop.is_well = False
    for _ in range(5):
        shop.outcome()
    told = shop.told()
    for line in (
        'dejalog_model_calls_total{outcome="ok"} 1.0',
        'dejalog_model_calls_total{outcome="wrong"} 3.0',
        'dejalog_model_calls_total{outcome="resting"} 2.0',
        "dejalog_model_tokens_total 15.0",
        "dejalog_model_seconds_count 4.0",
        "dejalog_model_resting 1.0",
    ):
        assert line in told


def test_without_a_model_the_same_metrics_are_there(shop: Shop) -> None:
    assert [each.name for each in ModelMeter().collect()] == [each.name for each in shop.breaker.collect()]


def test_questions_that_are_too_long_for_it_say_nothing_of_the_model() -> None:
    refusal: Said = {"status": 400, "body": {"error": {"message": "maximum context length is 2048 tokens"}}}
    with scripted_model(lambda _request: refusal) as server:
        model = OpenAIModel(server.url)
        breaker = Breaker(model, failures=3, rest_s=30, clock=Clock(), close=model.close)
        for _ in range(5):
            with pytest.raises(ModelError) as caught:
                breaker.complete(ASKED, most_tokens=20, deadline_s=60)
            assert caught.value.reason == "too_long"
        breaker.close()
    assert len(server.requests) == 5
