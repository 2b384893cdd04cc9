"""Titles: what is quoted of a template, and that the whole fits a line."""

import pytest

from index.incident import Deviation, DeviationKind, Onset
from index.incident_title import TITLE_CHARACTERS, kinds_of, telling_words, title_of


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("connection pool exhausted after <*> ms trace=<*>", "connection pool exhausted after … ms"),
        ("<*> ERROR pricing/a.go:<*> exception in <*>: broken trace_id=<*>", "exception in …: broken"),
        ("[<*>] [main] c.s.Impl#<*> [findById][No contacts]", "[findById][No contacts]"),
        ("<*> [WARN] [<*>] com.shop.gateway.Repository - retrying <*>, attempt <*>", "retrying …, attempt"),
        ("<*> WARN <*> --- [exec-<*>] com.shop.Client : <*> requests are waiting", "requests are waiting"),
        ("[<*>] WARN in cart.storage: (request <*>) statement took <*> ms", "statement took … ms"),
        ("<*> - inventory.signals - ERROR - out of memory\nTraceback (most recent call last):\n  x", "out of memory"),
        ("java.io.IOException: disk full\n\tat a.b.C", "java.io.IOException: disk full"),
        ("GET <*> <*>", "GET"),
        ("POST /internal/orders failed", "POST /internal/orders failed"),
        ("<*> <*>", "<*> <*>"),
        ("订单 <*> 处理失败", "订单 … 处理失败"),
        ("error connecting to <*>:<*>", "error connecting to"),
        ("error: no space left", "no space left"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_telling_words_of_a_template_are_kept(template: str, words: str) -> None:
    assert telling_words(template) == words


def deviation(template: str, kind: DeviationKind = "appeared", surprise: float = 9) -> Deviation:
    return Deviation("orders", kind, "p", template, 30, 0.1, surprise, 0, ())


def test_a_title_names_the_first_service_its_words_and_who_followed() -> None:
    said = deviation("<*> ERROR a.b.C - no connection left")
    assert title_of(["orders"], [said], 0, 1) == 'orders: "no connection left" appeared'
    followed = title_of(["orders", "cart", "pay", "mail", "web"], [said], 0, 1)
    assert followed == 'orders: "no connection left" appeared, then cart, pay, mail and 1 more followed'


def test_a_sentence_is_quoted_rather_than_a_word_that_surprises_more() -> None:
    both = [deviation("GET <*> <*>", surprise=12), deviation("field total is missing", surprise=9)]
    assert title_of(["orders"], both, 0, 1) == 'orders: "field total is missing" appeared'


def test_what_went_slower_says_how_much() -> None:
    slow = Deviation("orders", "slower", "p", "loaded order <*>", 1.9, 0.04, 12, 0, ())
    assert title_of(["orders"], [slow], 0, 1) == 'orders: "loaded order" slowed down (40 ms to 1.9 s)'


@pytest.mark.parametrize("others", [0, 2, 9])
@pytest.mark.parametrize("length", [5, 60, 4000])
def test_a_title_fits_a_line(others: int, length: int) -> None:
    services = ["orders-service", *(f"follower-{number}-service" for number in range(others))]
    title = title_of(services, [deviation("broken " * (length // 6 + 1))], 0, 1)
    assert len(title) <= TITLE_CHARACTERS
    assert title.startswith('orders-service: "broken')
    assert ("followed" in title) == (others > 0)


def test_nothing_unusual_is_said_so() -> None:
    assert title_of([], [], 0, 5 * 60 * 10**9) == "5 minutes as usual"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [((0, 20, 45), True), ((0, 0.01, 0.02, 0.3), False), ((0, 0, 30, 31), False), ((0, 40), False)],
    ids=["one after another", "all at once", "two steps", "two services"],
)
def test_failures_of_three_services_one_after_another_are_an_avalanche(
    seconds: tuple[float, ...], expected: bool
) -> None:
    onset = [Onset(f"service-{place}", int(second * 1e9), "") for place, second in enumerate(seconds)]
    failed = [failing(each) for each in onset]
    assert ("avalanche" in kinds_of(failed, onset, after_deploy=False)) == expected


def failing(onset: Onset, kind: DeviationKind = "appeared", surprise: float = 9) -> Deviation:
    return Deviation(onset.service, kind, "p", "call failed", 30, 0.1, surprise, onset.time_ns, ())


@pytest.mark.parametrize(
    ("kind", "surprise", "expected"),
    [
        ("slower", 20, False),
        ("appeared", 7, False),
        ("vanished", -2, False),
        ("burst", 9, True),
        ("vanished", -4, True),
    ],
)
def test_slowness_that_spreads_is_no_avalanche_and_silence_that_spreads_is(
    kind: DeviationKind, surprise: float, expected: bool
) -> None:
    onset = [Onset(f"service-{place}", place * 20 * 10**9, "") for place in range(3)]
    spread = [failing(each, kind, surprise) for each in onset]
    assert ("avalanche" in kinds_of(spread, onset, after_deploy=False)) == expected
