"""What every keeper of conversations promises, in the process and in a real Redis."""

import dataclasses
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.conversation import Slots
from api.conversation_keep import Conversations, LocalConversations
from api.conversation_redis import RedisConversations
from index.glossary import load_glossary
from ingest.errors import UnavailableError
from tests.api.test_conversation_read import told
from tests.redis_server import RedisServer

IDLE_S = 1800.0
MOST = 5
Open = Callable[[], Conversations]

HOSTILE_IDS = [
    "plain", "", " ", "a:b", "*", "../../etc/passwd", "dejalog:conversations", "\u202ex",
    "'; FLUSHALL", "{x}", "\r\nDEL x",
    "é" * 500, "会话",
]  # fmt: skip


@pytest.fixture(scope="module")
def slots() -> Slots:
    return told("How many timeouts were there today?", load_glossary())


@pytest.fixture(params=["local", "redis"])
def kept(request: pytest.FixtureRequest) -> Iterator[Conversations]:
    if request.param == "local":
        yield LocalConversations(idle_s=IDLE_S, most=MOST)
        return
    url = request.getfixturevalue("redis_url")
    keeper = RedisConversations(url, idle_s=IDLE_S, most=MOST, prefix=f"test-{uuid.uuid4().hex}")
    yield keeper
    keeper.close()


def test_what_is_kept_comes_back_whole(kept: Conversations, slots: Slots) -> None:
    assert kept.recall("one") is None
    kept.keep("one", slots)
    later = dataclasses.replace(slots, services=("cart",), language="zh")
    kept.keep("one", later)
    kept.keep("two", slots)
    assert (kept.recall("one"), kept.recall("two")) == (later, slots)


def test_any_text_is_an_id_and_none_reaches_another(kept: Conversations, slots: Slots) -> None:
    for place, name in enumerate(HOSTILE_IDS):
        assert kept.recall(name) is None
        kept.keep(name, dataclasses.replace(slots, from_ns=place))
        found = kept.recall(name)
        assert found is not None
        assert found.from_ns == place


def test_the_longest_silent_are_forgotten_first(kept: Conversations, slots: Slots) -> None:
    for number in range(MOST):
        kept.keep(str(number), slots)
    kept.keep("0", slots)
    kept.keep("new", slots)
    there = [name for name in ("0", "1", "2", "3", "4", "new") if kept.recall(name) is not None]
    assert there == ["0", "2", "3", "4", "new"]


def test_turns_at_once_leave_one_of_them_whole(kept: Conversations, slots: Slots) -> None:
    wanted = [dataclasses.replace(slots, from_ns=number, to_ns=number) for number in range(16)]
    threads = [threading.Thread(target=kept.keep, args=("one", each)) for each in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.recall("one") in wanted


def test_silence_ends_a_conversation_and_a_turn_renews_it(slots: Slots) -> None:
    now = [0.0]
    kept = LocalConversations(idle_s=IDLE_S, most=MOST, clock=lambda: now[0])
    kept.keep("one", slots)
    now[0] = IDLE_S - 1
    kept.keep("one", slots)
    kept.keep("two", slots)
    now[0] = 2 * IDLE_S - 2
    assert kept.recall("one") == slots
    now[0] = 2 * IDLE_S
    assert (kept.recall("one"), len(kept)) == (None, 0)


def test_redis_is_told_how_long_a_conversation_lasts(redis_url: str, slots: Slots) -> None:
    prefix = f"test-{uuid.uuid4().hex}"
    keeper = RedisConversations(redis_url, idle_s=IDLE_S, most=MOST, prefix=prefix)
    keeper.keep("one", slots)
    lives = [keeper._redis.pttl(key) for key in keeper._redis.scan_iter(f"{prefix}*")]
    keeper.close()
    assert len(lives) == 2
    assert all(IDLE_S * 1000 - 60_000 < each <= IDLE_S * 1000 for each in lives)


def test_a_second_server_goes_on_with_what_the_first_began(redis_url: str, slots: Slots) -> None:
    prefix = f"test-{uuid.uuid4().hex}"
    first, second = (RedisConversations(redis_url, idle_s=IDLE_S, most=MOST, prefix=prefix) for _ in range(2))
    first.keep("one", slots)
    assert second.recall("one") == slots
    first.close()
    second.close()


def test_a_redis_that_is_away_is_an_error_and_no_empty_conversation(tmp_path: Path, slots: Slots) -> None:
    server = RedisServer(tmp_path).start()
    keeper = RedisConversations(server.url, idle_s=IDLE_S, most=MOST)
    keeper.keep("one", slots)
    server.kill()
    with pytest.raises(UnavailableError, match="what was said before"):
        keeper.recall("one")
    with pytest.raises(UnavailableError, match="the conversation is kept"):
        keeper.keep("one", slots)
    keeper.close()
