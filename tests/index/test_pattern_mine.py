import hashlib
import random
import re
from collections.abc import Sequence

import polars as pl
import pytest

from index.pattern import PatternEdit, PatternSet
from index.pattern_mine import mine_patterns

RUNS = re.compile(r"0x[0-9a-f]+|[0-9]+")


def signature_of(message: str) -> int:
    """A stand-in for `ingest.signature`: equal for messages that differ in digits only."""
    return int.from_bytes(hashlib.blake2b(RUNS.sub("#", message).encode(), digest_size=8).digest(), "big")


def signatures(messages: Sequence[str], *, catch_all: Sequence[str] = (), order: Sequence[int] = ()) -> pl.DataFrame:
    """As a store gives them: one row a signature, the first message in time; `order` sets the times."""
    rows: dict[int, dict[str, object]] = {}
    for at, message in enumerate([*messages, *catch_all]):
        signature = signature_of(message)
        time = order[at] if order else at
        row = {
            "signature": signature,
            "shape": signature if at >= len(messages) else 1,
            "service": "shop",
            "level": "info",
            "first_ns": time,
            "source": "00",
            "position": time,
            "message": message,
        }
        rows.setdefault(signature, row)
    schema = {"signature": pl.UInt64, "shape": pl.UInt64}
    columns = ["signature", "shape", "service", "level", "first_ns", "source", "position", "message"]
    return pl.DataFrame(list(rows.values()), schema=columns, schema_overrides=schema, orient="row")


def templates(messages: Sequence[str]) -> list[str]:
    return mine_patterns(signatures(messages), ()).patterns["template"].sort().to_list()


def members_of(found: PatternSet, message: str) -> set[int]:
    pattern_id = found.members.filter(pl.col("signature") == signature_of(message))["pattern_id"][0]
    return set(found.members.filter(pl.col("pattern_id") == pattern_id)["signature"])


def pattern_of(found: PatternSet, message: str) -> dict[str, str]:
    pattern_id = found.members.filter(pl.col("signature") == signature_of(message))["pattern_id"][0]
    return found.patterns.filter(pl.col("pattern_id") == pattern_id).row(0, named=True)


def id_of(message: str) -> str:
    return f"{signature_of(message):016x}"


NAMES = ["anna", "bert", "cleo", "dora", "emil", "fritz", "gustav", "hanna", "ida", "jonas", "karla", "lutz", "mona"]

JOINED = {
    "addresses": (
        ["peer 10.0.0.7:4431 is gone", "peer fe80::1ff:fe23:4567:890a is gone", "peer db-3.example.org:5432 is gone"],
        "peer <*> is gone",
    ),
    "identifiers": (
        ["job 7f0c2a9e-11aa-4c3d-9e2f-001122334455 queued", "job 0xdeadbeef queued", "job 9f86d081884c7d65 queued"],
        "job <*> queued",
    ),
    "sizes and times with their units": (
        ["sent 12 bytes in 3 ms", "sent 1.5 MB in 2.25 s", "sent 900 KB (921600 bytes) in 14 ms"],
        "sent <*> in <*>",
    ),
    "one unit is kept": (["waited 12 ms", "waited 700 ms"], "waited <*> ms"),
    "dates and clocks": (
        ["due at 2024-05-06T07:08:09.123Z", "due at Mon May 06 07:08:09 UTC 2024", "due at 07:08:09"],
        "due at <*>",
    ),
    "paths": (["cannot open /var/lib/shop/a.db", "cannot open /srv/b/c/d", "cannot open ./e/f"], "cannot open <*>"),
    "lists of values": (["shards 1, 2, 3 moved", "shards 4 moved", "shards 5, 6 moved"], "shards <*> moved"),
    "lists of objects": (
        [
            "cart: [Item(id=7, name=tea), Item(id=8, name=green tea)]",
            "cart: [Item(id=9, name=salt)]",
            "cart: [Item(id=1, name=a), Item(id=2, name=b), Item(id=3, name=c d e)]",
        ],
        "cart: [Item(id=<*>, name=<*>)]",
    ),
    "JSON": (
        ['sending {"id":"a-1","to":"anna lee"}', 'sending {"id":"b","to":"bert"}'],
        'sending {"id":<*>,"to":<*>}',
    ),
    "fields": (["open owner=anna tries=3", "open owner=bert tries=4"], "open owner=<*> tries=<*>"),
    "names after a noun": ([f"quota of user {name} raised" for name in NAMES[:3]], "quota of user <*> raised"),
    "names after a Chinese noun": ([f"登录用户 {name} 来自 4" for name in NAMES[:3]], "登录用户 <*> 来自 <*>"),
    "many words in one place": ([f"cache of {name} warmed up" for name in NAMES], "cache of <*> warmed up"),
    "many words in two places": (
        [f"copied {one} over {other} in peace" for at, one in enumerate(NAMES) for other in NAMES[at % 3 :: 3]],
        "copied <*> over <*> in peace",
    ),
    "a first word with a dozen alternatives": ([f"{name} went by train" for name in NAMES[:12]], "<*> went by train"),
    "Chinese": (["用户 42 登录失败", "用户 7 登录失败"], "用户 <*> 登录失败"),
    "literals": (["switch is true here", "switch is null here"], "switch is <*> here"),
    "stack traces of one error": (
        [
            "boom: x\njava.lang.IllegalStateException: no cart\n\tat a.b.C.d(C.java:12)\n\tat e.F.g(F.java:7)",
            "boom: x\njava.lang.IllegalStateException: no cart\n\tat a.b.C.other(C.java:80)\n\t... 7 more",
        ],
        "boom: x java.lang.IllegalStateException: no cart",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "template"), JOINED.values(), ids=JOINED)
def test_what_differs_in_values_only_is_one_pattern(messages: list[str], template: str) -> None:
    assert templates(messages) == [template]


APART = {
    "opposites": ["VM Started", "VM Paused", "VM Stopped"],
    "opposites among names": ["door of anna opened", "door of anna closed"],
    "verbs at the beginning": ["opening valve", "greasing valve", "painting valve", "turning valve"],
    "outcomes in a field": ["sync status=success", "sync status=failed", "sync status=stale"],
    "causes": ["cannot pay: reason=timeout", "cannot pay: reason=fraud"],
    "Chinese states among names": [
        f"订单{name}" for name in ("支付成功", "支付失败", "创建超时", "取消", "已满", "删除", "恢复", "提交", "回滚")
    ],
    "errors": ["failed with ConnectException", "failed with SocketTimeoutException"],
    "HTTP routes": ["GET /api/carts 200", "GET /api/users 200", "POST /api/carts 200"],
    "few words in one place": ["cache of tea warmed", "cache of salt warmed"],
    "single words": ["normal", "running", "halted", "booting"],
    "messages of an object": ["got Reply(status=1, msg=not found)", "got Reply(status=1, msg=gone away)"],
}


@pytest.mark.parametrize("messages", APART.values(), ids=APART)
def test_what_says_something_else_stays_apart(messages: list[str]) -> None:
    assert len(templates(messages)) == len(messages)


def test_words_seen_as_names_elsewhere_are_values_where_they_are_few() -> None:
    named = [f"quota of user {name} raised" for name in NAMES[:5]]
    few = [f"parcel for {name} is late" for name in NAMES[:2]]
    assert len(templates(few)) == 2
    assert templates([*named, *few]) == ["parcel for <*> is late", "quota of user <*> raised"]


def test_a_state_stays_apart_however_many_names_stand_in_its_place() -> None:
    found = templates([f"link is {word} now" for word in [*NAMES, "down"]])
    assert found == ["link is <*> now", "link is down now"]


def many_messages() -> list[str]:
    choose = random.Random(5)
    everything = [message for messages, _ in JOINED.values() for message in messages]
    everything += [message for messages in APART.values() for message in messages]
    shapes = ["{} visits {}", "order {} of {} paid", "retry {} for host {}", "{} and {} meet", "lost {} near {} again"]
    everything += [choose.choice(shapes).format(choose.choice(NAMES), choose.choice(NAMES)) for _ in range(300)]
    return sorted(set(everything))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_the_rows_changes_nothing(seed: int) -> None:
    rows = signatures(many_messages())
    expected = mine_patterns(rows, ())
    found = mine_patterns(rows.sample(fraction=1.0, shuffle=True, seed=seed), ())
    assert found.patterns.equals(expected.patterns)
    assert found.members.equals(expected.members)


def test_which_signatures_belong_together_does_not_depend_on_which_came_first() -> None:
    messages = many_messages()
    order = list(range(len(messages)))
    random.Random(9).shuffle(order)
    groups = [
        {tuple(each) for each in found.members.group_by("pattern_id").agg(pl.col("signature").sort())["signature"]}
        for found in (
            mine_patterns(signatures(messages), ()),
            mine_patterns(signatures(messages, order=order), ()),
        )
    ]
    assert groups[0] == groups[1]


def test_every_signature_is_in_exactly_one_pattern_whose_id_is_that_of_its_earliest() -> None:
    rows = signatures(many_messages(), catch_all=["too many of these 1"])
    found = mine_patterns(rows, ())
    assert found.members["signature"].to_list() == sorted(rows["signature"].to_list())
    assert set(found.members["pattern_id"]) == set(found.patterns["pattern_id"])
    earliest = (
        found.members.join(rows, on="signature").sort("first_ns").group_by("pattern_id", maintain_order=True).first()
    )
    assert [f"{signature:016x}" for signature in earliest["signature"]] == earliest["pattern_id"].to_list()
    examples = dict(found.patterns.select("pattern_id", "example").iter_rows())
    assert dict(earliest.select("pattern_id", "message").iter_rows()) == examples


def test_patterns_keep_their_ids_when_signatures_come_later() -> None:
    messages = many_messages()
    before = mine_patterns(signatures(messages[:-60]), ())
    after = mine_patterns(signatures(messages), ())
    kept = set(before.patterns["pattern_id"]) & set(after.patterns["pattern_id"])
    assert len(kept) >= 0.9 * before.patterns.height


def test_a_signature_that_stands_for_a_shape_is_a_pattern_of_its_own() -> None:
    messages = [f"cache of {name} warmed up" for name in NAMES]
    found = mine_patterns(signatures(messages[1:], catch_all=messages[:1]), ())
    assert members_of(found, messages[0]) == {signature_of(messages[0])}
    assert found.patterns.height == 2


@pytest.mark.parametrize(
    "message",
    ["", " ", "<*>", "((([[[{{{", ")))]]]", "=,=,=", '{"":"', "\0", "a" * 99_999, "[" * 5000, "x=" * 3000, "1" * 5000],
    ids=lambda message: repr(message[:12]),
)  # fmt: skip
def test_any_message_has_a_pattern(message: str) -> None:
    found = mine_patterns(signatures([message, "hello"]), ())
    assert found.patterns.height == 2
    assert max(map(len, found.patterns["template"])) <= 2048


def test_no_signatures_give_no_patterns() -> None:
    found = mine_patterns(signatures(["x"]).clear(), ())
    assert (found.patterns.height, found.members.height) == (0, 0)


USERS = [f"quota of user {name} raised" for name in NAMES[:4]]
OTHERS = ["disk is nearly full", "disk is full"]


def mined(*edits: tuple[str, str, str], messages: Sequence[str] = (*USERS, *OTHERS)) -> PatternSet:
    made = [PatternEdit(id_of(target), action, argument, at) for at, (target, action, argument) in enumerate(edits)]  # type: ignore[arg-type]
    return mine_patterns(signatures(messages), made)


def test_a_renamed_pattern_keeps_id_and_template() -> None:
    row = pattern_of(mined((USERS[2], "rename", "quota grows")), USERS[0])
    assert (row["pattern_id"], row["name"], row["template"]) == (
        id_of(USERS[0]),
        "quota grows",
        "quota of user <*> raised",
    )


def test_the_last_of_several_edits_counts() -> None:
    muting = [(OTHERS[0], "mute", ""), (OTHERS[1], "mute", ""), (OTHERS[1], "unmute", "")]
    found = mined((USERS[0], "rename", "one"), (USERS[0], "rename", "two"), *muting)
    assert pattern_of(found, USERS[3])["name"] == "two"
    assert [pattern_of(found, message)["state"] for message in OTHERS] == ["muted", "active"]


def test_a_merged_pattern_gives_its_signatures_to_the_other_which_keeps_its_id() -> None:
    found = mined((OTHERS[0], "merge", id_of(OTHERS[1])), (OTHERS[0], "rename", "disk fills up"))
    assert members_of(found, OTHERS[0]) == {signature_of(message) for message in OTHERS}
    row = pattern_of(found, OTHERS[0])
    assert (row["pattern_id"], row["name"], row["template"]) == (id_of(OTHERS[1]), "disk fills up", OTHERS[1])


def test_a_merge_follows_the_pattern_when_mining_finds_more_of_it() -> None:
    edit = (USERS[1], "merge", id_of(OTHERS[0]))
    few = mined(edit, messages=[USERS[1], *OTHERS])
    many = mined(edit)
    assert members_of(few, OTHERS[0]) == {signature_of(USERS[1]), signature_of(OTHERS[0])}
    assert members_of(many, OTHERS[0]) == {*map(signature_of, USERS), signature_of(OTHERS[0])}


def test_a_split_undoes_a_merge() -> None:
    merge = (OTHERS[0], "merge", id_of(OTHERS[1]))
    for split in (OTHERS[0], OTHERS[1]):
        found = mined(merge, (split, "split", ""))
        assert found.patterns.equals(mined().patterns)
        assert found.members.equals(mined().members)


def test_a_split_pattern_comes_apart_into_what_was_joined_by_statistics() -> None:
    found = mined((USERS[0], "split", ""))
    assert sorted(found.patterns["template"]) == sorted([*USERS, *OTHERS])
    assert set(found.patterns["pattern_id"]) == {*map(id_of, USERS), *map(id_of, OTHERS)}


def test_named_signatures_are_taken_out_of_a_pattern() -> None:
    found = mined((USERS[0], "split", f"{id_of(USERS[0])},{id_of(USERS[2])}"))
    assert members_of(found, USERS[1]) == {signature_of(USERS[1]), signature_of(USERS[3])}
    assert pattern_of(found, USERS[0])["template"] == USERS[0]
    assert pattern_of(found, USERS[3])["pattern_id"] == id_of(USERS[1])


@pytest.mark.parametrize("action", ["rename", "merge", "split", "mute", "unmute"])
@pytest.mark.parametrize("pattern_id", ["", "ffffffffffffffff", "not hexadecimal"])
def test_an_edit_of_a_pattern_that_is_not_there_changes_nothing(action: str, pattern_id: str) -> None:
    rows = signatures([*USERS, *OTHERS])
    found = mine_patterns(rows, [PatternEdit(pattern_id, action, "x", 1)])  # type: ignore[arg-type]
    assert found.patterns.equals(mined().patterns)
    assert found.members.equals(mined().members)
    merged = mine_patterns(rows, [PatternEdit(id_of(OTHERS[0]), "merge", pattern_id, 1)])
    assert merged.members.equals(mined().members)
