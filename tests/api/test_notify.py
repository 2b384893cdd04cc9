import threading
from collections.abc import Sequence

import pytest

from api.notice import Notice, payload
from api.notify import Notifier
from tests.api.webhook import webhook
from tests.ports import free_port


def a_notice(number: int = 0, *, title: str = "Seen before: cart") -> Notice:
    return Notice("incident", f"incident:{number}", 10**18, title, ("line one",), "/incidents/ab", {"number": number})


def drained(url: str, count: int = 1, *, waits_s: Sequence[float] = (0.01, 0.01), until: int = 1) -> Notifier:
    """A notifier that has sent or dropped so many notices."""
    notifier = Notifier(url, waits_s=waits_s)
    for number in range(count):
        assert notifier.send(a_notice(number))
    pause = threading.Event()
    for _ in range(6000):
        if sum(notifier.counts.sent.values()) + sum(notifier.counts.dropped.values()) >= until:
            break
        pause.wait(0.01)
    notifier.stop()
    return notifier


def test_a_notice_is_posted_as_json_with_a_text_for_slack() -> None:
    with webhook() as receiver:
        notifier = Notifier(receiver.url, page_url="http://logs:8900/")
        assert notifier.send(a_notice(7, title="x < y & <!channel> @here"))
        (content,) = receiver.wait_for(1)
        notifier.stop()
    link = "http://logs:8900/incidents/ab"
    assert content["text"] == f"x &lt; y &amp; &lt;!channel&gt; @ here\nline one\n<{link}|open in Dejalog>"
    assert (content["kind"], content["title"], content["number"]) == ("incident", "x < y & <!channel> @here", 7)
    assert (content["link"], content["time"]) == (link, "2001-09-09T01:46:40.000Z")


@pytest.mark.parametrize("failing", [[500, 503], [0, 0], [429, 408]], ids=["errors", "hang ups", "not now"])
def test_a_receiver_that_fails_for_a_while_gets_the_notice_later(failing: list[int]) -> None:
    with webhook(failing) as receiver:
        notifier = drained(receiver.url)
        assert len(receiver.received) == 3
    assert notifier.counts.sent == {"incident": 1}
    assert (notifier.counts.dropped, notifier.counts.retries) == ({}, 2)


def test_a_receiver_that_will_never_take_it_is_asked_once_and_the_next_notice_goes_out() -> None:
    with webhook([404]) as receiver:
        notifier = drained(receiver.url, 2, until=2)
        assert [each["number"] for each in receiver.received] == [0, 1]
    assert (notifier.counts.dropped, notifier.counts.sent) == ({"refused": 1}, {"incident": 1})


def test_a_redirect_is_not_followed() -> None:
    with webhook([302]) as receiver, webhook() as elsewhere:
        receiver.headers["Location"] = elsewhere.url
        notifier = drained(receiver.url)
        assert elsewhere.received == []
    assert notifier.counts.dropped == {"refused": 1}


def test_a_receiver_that_is_not_there_costs_the_notice_after_every_try() -> None:
    notifier = drained(f"http://127.0.0.1:{free_port()}/")
    assert (notifier.counts.dropped, notifier.counts.retries) == ({"failed": 1}, 2)


def test_what_waits_beyond_the_bound_and_what_is_left_at_the_end_is_counted() -> None:
    with webhook([500] * 10) as receiver:
        notifier = Notifier(receiver.url, waits_s=(3600.0,), most_waiting=2)
        assert notifier.send(a_notice(0))
        receiver.wait_for(1)  # the first is in hand, and is tried again in an hour
        assert [notifier.send(a_notice(number)) for number in (1, 2, 3)] == [True, True, False]
        notifier.stop()
    assert notifier.counts.dropped == {"full": 1, "stopped": 3}
    assert notifier.send(a_notice(4)) is False


def test_without_an_address_nothing_is_taken() -> None:
    notifier = Notifier("")
    assert (notifier.is_on, notifier.send(a_notice())) == (False, False)
    notifier.stop()


def test_a_long_text_is_cut_where_slack_would_cut_it() -> None:
    assert len(payload(a_notice(title="x" * 9000), "")["text"]) == 3000
