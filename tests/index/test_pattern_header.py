"""Where a message's own text begins, in the layouts that programs write."""

import pytest

from index.pattern_header import header_end
from tests.index.test_pattern_mine import templates

HEADED = [
    ("log4j", "2026-03-01 10:15:22,118 INFO [main] com.example.shop.Cart: opened basket 17", "opened basket 17"),
    ("dash", "2026-03-01 10:15:22,118 - WARN  [worker-3:Cart@774] - basket 17 is late", "basket 17 is late"),
    ("spring", "2026-03-01 10:15:22.118  INFO 1 --- [nio-80-exec-1] c.e.s.Cart   : opened basket", "opened basket"),
    ("logcat", "03-17 16:13:38.811  1702  2395 D CartManager: opened basket 17", "opened basket 17"),
    ("syslog", "Jun 14 15:16:01 till-4 sshd(pam_unix)[19939]: check pass; user unknown", "check pass; user unknown"),
    ("priority", "<34>1 2026-03-01T10:15:22Z till-4 cashd[12]: drawer open", "drawer open"),
    ("macos", "Jul  1 09:00:55 till-10-105-160-95 kernel[0]: fan is slow", "fan is slow"),
    ("brackets", "[Sun Dec 04 04:47:44 2005] [notice] worker is ready", "worker is ready"),
    ("pipes", "20260301-22:15:29:606|Step_Cart|30002312|opened basket 17", "opened basket 17"),
    ("short date", "[10.30 16:49:06] till.exe - drawer open for 3 s", "drawer open for 3 s"),
    ("columns", "2026-03-01 04:30:30, Info                  CART    Loaded the drawer", "Loaded the drawer"),
    ("short year", "081109 203615 148 INFO till.Drawer$Lock: lock 7 is gone", "lock 7 is gone"),
    (
        "two times",
        "- 1117838570 2026.06.03 R02-M1 2026-06-03-15.42.50.363779 R02-M1 RAS KERNEL INFO parity corrected",
        "parity corrected",
    ),
    ("table", "134681 till-246 unix.hw state.change 1077804742 1 drawer is open", "drawer is open"),
    ("request id", "2026-03-01 00:00:00.008 25746 INFO shop.api.server [req-38101a0b 113d - -] served", "served"),
    ("klog", "E0301 10:15:22.118000       1 cart.go:114] basket is late", "basket is late"),
    ("go", "2026/03/01 10:15:22 basket is late", "basket is late"),
    ("zone", "2026-03-01T10:15:22.118+08:00 ERROR cart.Store: basket is late", "basket is late"),
    ("chinese", "2026-03-01 10:15:22.118 ERROR [http-1] c.e.Cart - 购物车 17 超时", "购物车 17 超时"),
]


@pytest.mark.parametrize(("message", "text"), [case[1:] for case in HEADED], ids=[case[0] for case in HEADED])
def test_a_header_ends_where_the_text_begins(message: str, text: str) -> None:
    assert message[header_end(message) :] == text


@pytest.mark.parametrize(
    "message",
    [
        "basket 17 opened at 2026-03-01 10:15:22",
        "Failure: the drawer stays shut",
        "ERROR cannot open the drawer",
        "10 baskets were opened",
        "GET /cart/2026-03-01 took 12 ms",
        "",
        "2026-03-01 10:15:22",
        "2026-03-01 10:15:22,118 INFO [main]",
    ],
)
def test_a_message_without_a_header_or_without_a_text_is_left_whole(message: str) -> None:
    assert header_end(message) == 0


def test_states_after_a_time_stay() -> None:
    assert header_end("10:15:22 Success: drawer") == len("10:15:22 ")
    assert header_end("10:15:22 Failure: drawer") == len("10:15:22 ")


def test_what_two_hosts_write_alike_is_one_pattern() -> None:
    messages = [
        "Jun 14 15:16:01 till cashd[7]: drawer is open",
        "Jun 14 15:16:02 counter shopd[9]: drawer is open",
        "Jun 14 15:16:03 counter shopd[9]: drawer is shut",
    ]
    assert sorted(templates(messages)) == ["drawer is open", "drawer is shut"]


@pytest.mark.parametrize("start", ["", "2026-01-01 10:00:00 ", "2026-01-01 10:00:00 INFO ", "- 1117838570 "])
@pytest.mark.parametrize(
    "part",
    ["[", "(", "1:", "- ", "a.b ", "<1>", "2026-01-01 ", "INFO ", "a$", "a.", "a(", "a[", "aA", "_$", "a-", "1 ", "|a"],
)
def test_hostile_headers_are_read_in_steps_that_grow_with_their_length(start: str, part: str) -> None:
    """A regular expression that backtracks without end would run into the test's time-out."""
    for end in ("", "!", "! oops", "]", ":"):
        assert header_end(start + part * 5000 + end) <= 256
        assert header_end(start + part * 60 + end) <= 256
