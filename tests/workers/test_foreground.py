"""Background work gives way to questions, but is never stopped by them."""

import threading
import time

from workers.foreground import Foreground


def test_nobody_asking_means_no_wait() -> None:
    started = time.monotonic()
    Foreground().give_way(30)
    assert time.monotonic() - started < 5


def test_work_goes_on_when_the_last_question_is_answered() -> None:
    foreground, went_on = Foreground(), threading.Event()

    def work() -> None:
        foreground.give_way(60)
        went_on.set()

    worker = threading.Thread(target=work)
    with foreground.asked():
        with foreground.asked():
            worker.start()
        assert not went_on.wait(0.1)
    assert went_on.wait(30)
    worker.join()


def test_work_waits_at_most_as_long_as_it_said() -> None:
    foreground = Foreground()
    with foreground.asked():
        started = time.monotonic()
        foreground.give_way(0.05)
        assert 0.04 < time.monotonic() - started < 20


def test_a_pause_between_close_questions_lets_one_step_through() -> None:
    foreground, gone = Foreground(), threading.Semaphore(0)

    def work() -> None:
        foreground.give_way(60)
        gone.release()

    workers = [threading.Thread(target=work) for _ in range(3)]
    with foreground.asked():
        for worker in workers:
            worker.start()
        assert not gone.acquire(timeout=0.1)
    assert gone.acquire(timeout=30)
    with foreground.asked():
        assert not gone.acquire(timeout=0.2), "two steps went through one pause"
    for worker in workers:
        worker.join(30)
        assert not worker.is_alive()


def test_nobody_waits_behind_another_who_waits_longer() -> None:
    foreground = Foreground()
    with foreground.asked():
        patient = threading.Thread(target=foreground.give_way, args=(20,))
        patient.start()
        started = time.monotonic()
        foreground.give_way(0.05)
        assert time.monotonic() - started < 15
    patient.join(30)
    assert not patient.is_alive()
