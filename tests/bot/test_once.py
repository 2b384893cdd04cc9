"""What is seen twice is known, here and, through a real Redis, by every process; the token bucket of a user."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.bot.once import KEPT_S, LocalOnce, Once, RedisOnce
from api.bot.rate import RateLimit
from tests.ports import free_port
from tests.redis_server import RedisServer


class Clock:
    """Time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture(params=["local", "redis"])
def once(request: pytest.FixtureRequest, tmp_path: Path) -> Once:
    if request.param == "local":
        return LocalOnce()
    return RedisOnce(request.getfixturevalue("redis").url, prefix=f"t{tmp_path}")


def test_the_second_time_is_known_and_another_id_is_not(once: Once) -> None:
    assert [once.is_first(key) for key in ("a", "a", "b", "a")] == [True, False, True, False]


def test_processes_with_one_redis_know_of_each_other(redis: RedisServer) -> None:
    assert [RedisOnce(redis.url, prefix="p").is_first("a") for _ in range(2)] == [True, False]


def test_without_redis_this_process_still_knows() -> None:
    once = RedisOnce(f"redis://127.0.0.1:{free_port()}/0")
    assert [once.is_first(key) for key in ("a", "a")] == [True, False]


def test_ids_are_forgotten_after_an_hour_and_past_their_number() -> None:
    clock = Clock()
    once = LocalOnce(clock, most=2)
    assert once.is_first("a")
    clock.now = KEPT_S + 1
    assert once.is_first("a")
    assert once.is_first("b")
    assert once.is_first("c")
    assert once.is_first("a")
    assert not once.is_first("c")


def test_a_user_may_ask_so_often_a_minute_and_is_told_when_again() -> None:
    clock = Clock()
    rate = RateLimit(6, clock)
    assert [rate.wait_s("ada") for _ in range(7)] == [0.0] * 6 + [10.0]
    assert rate.wait_s("grace") == 0.0
    clock.now = 4.0
    assert rate.wait_s("ada") == pytest.approx(6.0)
    clock.now = 10.0
    assert rate.wait_s("ada") == 0.0
    assert rate.wait_s("ada") == pytest.approx(10.0)
