"""The judge of answers reads files and sentences by itself, calls what is right right and notices each kind of lie."""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.evaluate.answers import JudgedAnswer, JudgedShop
from api.evaluate.judge_files import PlainLine, PlainLog, quoted_pattern, read_file, rfc3339_ns, says
from api.evaluate.judge_sentence import ago_fits, moment_ns, span_bounds, understand
from api.evaluate.judge_usual import Usual
from api.evaluate.judge_whole import contradictions

FOLDER = Path(__file__).parents[3] / "api" / "evaluate"
BANNED = ("api.check", "api.claim", "api.evidence", "api.plan", "api.sentence", "index", "ingest")
MINUTE_NS = 60_000_000_000
WIDENED = "Not in the last 7 days; the search was widened to all retained data: "


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("judge*.py")), ids=lambda file: file.stem)
def test_the_judge_shares_no_code_with_what_it_judges(file: Path) -> None:
    for name in imported(file):
        assert not name.startswith(BANNED), f"{file.name} imports {name}"
        assert not name.startswith("api.") or name.startswith("api.evaluate.judge"), f"{file.name} imports {name}"


def test_the_plain_scan_counts_what_the_simulator_says_it_wrote(shop: JudgedShop) -> None:
    assert sum(shop.judge.log.counts().values()) == shop.world.store.high_water().lines > 10_000


def test_parts_and_stack_traces_are_one_line_in_both_formats(tmp_path: Path) -> None:
    name = "web-7d9f8b6c5d-abcde_shop_web-" + "a" * 64 + ".log"
    docker = tmp_path / name
    docker.write_text(
        '{"log":"2026-01-01 boom","stream":"stdout","time":"2026-01-01T00:00:00.5Z"}\n'
        '{"log":" was long\\n","stream":"stdout","time":"2026-01-01T00:00:01Z"}\n'
        '{"log":"  at frame\\n","stream":"stdout","time":"2026-01-01T00:00:02Z"}\n'
        '{"log":"2026-01-01 next\\n","stream":"stderr","time":"2026-01-01T00:00:03Z"}\n'
    )
    first, second = read_file(docker)
    assert (first.service, first.offset, first.time_ns) == ("web", 0, rfc3339_ns("2026-01-01T00:00:00.500Z"))
    assert first.texts[0] == "2026-01-01 boom was long at frame"
    assert second.texts == ("2026-01-01 next",)
    cri = tmp_path / name.replace("web", "db")
    cri.write_text(
        "2026-01-01T00:00:00Z stdout P time=2026 level=warn msg=\n"
        '2026-01-01T00:00:00Z stdout F "slow: \\"x\\""\n'
        "2026-01-01T00:00:01Z stdout F \tgoroutine\n"
    )
    (line,) = read_file(cri)
    assert (line.texts[0], line.level) == ('slow: "x"', "warn")


@pytest.mark.parametrize(
    ("quoted", "text", "is_said"),
    [
        ("took <*> ms", "2026-01-01 INFO a.b - took 15 ms", True),
        ("took <*> ms", "2026-01-01 INFO a.b - call took 15 ms", False),
        ("took <*> ms", "took 15 ms trace=00ff", True),
        ("took <*> ms", "took 15 ms again", False),
        ("took <*>…", "took 15 ms again", True),
        ("GET <*> <*>", "GET /api/me 200 27ms", True),
        ("GET <*> <*>", "GET /api/me went well", False),
        ("GET <*> <*>", '{"level":"info","msg":"incoming GET /api/me client=10.0.0.1"}', False),
        ('say <*>, "ok"', 'say "two words", "ok"', True),
    ],
)
def test_a_quotation_stands_for_whole_lines(quoted: str, text: str, is_said: bool) -> None:
    assert says(PlainLine("f", 0, "s", 0, "", (text,)), quoted_pattern(quoted)) is is_said


@pytest.mark.parametrize(
    ("sentence", "form"),
    [
        ("Yes, 2 days ago (3 Mar 14:05 UTC): a failed first (“x”), b followed 20.1 s later.", "story"),
        ("有,2 天前(3月3日 14:05 UTC):故障蔓延到 3 个服务:最先异常的是 a(“x”),b 在 1 分 2 秒后随之异常。", "story"),
        ("3 hours ago (3 Mar 14:05 UTC): a, b left their usual course.", "silent"),
        ("It lasted 3 min 5 s, until 3 Mar 14:05 UTC, and touched a, b too.", "lasted"),
        ("a wrote “x <*>” (error) 7 times; usual is about 0.1.", "appeared"),
        ("a 只写出“x”3 次;平时约为 40 次。", "vanished"),
        ("In a, “x” came 1.1 s after “y”; usual is about 20 ms.", "slower"),
        ("“x”(warn)在 a、b 中共出现 9 次。", "written"),
        ("12 lines by a, of 3 patterns.", "summed"),
        ("Incidents that fit in the last 7 days: 2.", "fitting"),
        ("Less like it: 2 days ago (3 Mar 14:05 UTC), first in a.", "less_alike"),
        ("Nobody was harmed.", None),
        ("a wrote “x” never.", None),
    ],
)
def test_sentences_are_understood_or_not(sentence: str, form: str | None) -> None:
    said = understand(sentence)
    assert (said.form if said else None) == form


def test_times_and_spans_are_read_as_they_are_rounded() -> None:
    as_of_ns = rfc3339_ns("2026-03-05T14:10:00Z")
    then_ns = moment_ns("3 Mar 14:05 UTC", as_of_ns)
    assert then_ns == moment_ns("2026年3月3日 14:05 UTC", as_of_ns) == rfc3339_ns("2026-03-03T14:05:00Z")
    assert ago_fits("2 days ago", then_ns, as_of_ns)
    assert not ago_fits("3 天前", then_ns, as_of_ns)
    assert span_bounds("1 min 2 s") == (62_000_000_000, 63_000_000_000)
    assert span_bounds("soon") is None


def test_all_that_answers_say_of_numbers_and_lines_is_right(answers: list[JudgedAnswer]) -> None:
    claims = [claim for one in answers for claim in one.claims]
    told = [finding for claim in claims for finding in claim.findings if finding.what != "order"]
    assert len(claims) > 100
    assert [(claim.text, claim.faults()) for claim in claims if claim.outcome == "wrong"] == []
    assert len([finding for finding in told if finding.right]) > 500
    assert {claim.form for claim in claims} >= {"story", "lasted", "appeared", "quote", "written", "first", "last"}
    assert [text for one in answers for text in one.contradictions] == []


@pytest.fixture
def told(answers: list[JudgedAnswer]) -> dict[str, Any]:
    """An answer with a story, to lie in."""
    one = next(one for one in answers if one.asked.text == "When was the last service avalanche?")
    return copy.deepcopy(one.answer)


def test_words_are_held_whole_and_chinese_has_no_blanks_between_them(tmp_path: Path) -> None:
    file = tmp_path / f"cart-1-x_prod_cart-{'0' * 64}.log"
    said = ["连接池 redis：活跃=10", "等待连接池 redis 的连接超时", "连接 池", "pools waiting", "a pool waits"]
    rows = [
        f"2026-09-20T09:24:2{i}.343000000Z stdout F 2026-09-20 09:24:2{i} INFO {text}" for i, text in enumerate(said)
    ]
    file.write_text("\n".join(rows) + "\n", "utf-8")
    log = PlainLog([file])
    assert len(log.holding("cart", "连接池", anywhere=False)) == 2
    assert len(log.holding("cart", "连接池 redis", anywhere=False)) == 2
    assert len(log.holding("cart", "pool", anywhere=False)) == 1


def test_a_changed_number_is_wrong(shop: JudgedShop, told: dict[str, Any]) -> None:
    place = next(at for at, claim in enumerate(told["claims"]) if " times; usual" in claim["text"])
    assert shop.judge.judge_claim(told, place).outcome == "right"
    text = told["claims"][place]["text"]
    count = text.split(" times;")[0].rsplit(" ", 1)[1]
    told["claims"][place]["text"] = text.replace(f" {count} times;", f" {int(count) + 1} times;")
    assert shop.judge.judge_claim(told, place).outcome == "wrong"


@pytest.mark.parametrize(("field", "value"), [("time", "2026-01-01T00:00:00.000Z"), ("service", "x"), ("message", "x")])
def test_a_citation_that_is_not_in_the_files_is_wrong(
    shop: JudgedShop, told: dict[str, Any], field: str, value: str
) -> None:
    assert shop.judge.judge_claim(told, 0).outcome == "right"
    told["citations"][0][field] = value
    assert "citation" in shop.judge.judge_claim(told, 0).faults()


def test_a_sentence_that_is_not_understood_is_unjudged(shop: JudgedShop, told: dict[str, Any]) -> None:
    told["claims"][0]["text"] = "Everything was fine."
    assert shop.judge.judge_claim(told, 0).outcome == "unjudged"


def test_who_waits_for_another_may_show_a_fault_before_it_fails_itself(tmp_path: Path) -> None:
    file = tmp_path / f"edge-1-x_prod_edge-{'0' * 64}.log"
    seconds = [0.00, 0.04, 1.00, 1.05, 2.00, 2.04, 3.00, 6.00]
    rows = [
        f"2026-09-20T09:24:0{second:.2f}0000000Z stdout F 2026-09-20 INFO step of {place // 2:016x}"
        for place, second in enumerate(seconds)
    ]
    file.write_text("\n".join(rows) + "\n", "utf-8")
    log = PlainLog([file])
    usual = Usual(log, labels=[])
    assert [usual.waited(line) for line in log.lines_of("edge")] == [False] * 7 + [True]
    file.write_text(file.read_text("utf-8").replace("of 0", "of x"), "utf-8")
    log = PlainLog([file])
    usual = Usual(log, labels=[])
    assert not any(usual.waited(line) for line in log.lines_of("edge")), "no request, no wait"


def test_an_order_that_the_labels_contradict_is_wrong(shop: JudgedShop) -> None:
    label = next(label for label in shop.judge.labels if label.kind == "avalanche")
    first, *_, last = sorted(label.onsets, key=lambda service: label.onsets[service])
    late = label.onsets[last] - label.onsets[first] > 2 * MINUTE_NS
    found = list(shop.judge._ordered([last, first], (label.start_ns, label.end_ns)))
    assert [finding.right for finding in found] == [not late]


def test_an_answer_that_says_one_and_tells_of_two_contradicts_itself(told: dict[str, Any]) -> None:
    story = told["claims"][0]
    another = {"text": "Another like it: 2 days ago (19 Sep 14:05 UTC), first in a.", "citations": []}
    told["claims"] = [story, another, {"text": "Incidents that fit: 1.", "citations": []}]
    assert len(list(contradictions(told))) == 1


@pytest.mark.parametrize(
    ("lead", "read_as", "told_then", "is_contradictory"),
    [
        ("Most recently ", "", "2 days ago (20 Sep 14:05 UTC)", True),
        ("Most recently ", "", "4 days ago (18 Sep 14:05 UTC)", False),
        ("First ", "", "4 days ago (18 Sep 14:05 UTC)", True),
        ("Yes, ", "in “lately” as the last 7 days first", "2 days ago (20 Sep 14:05 UTC)", True),
        ("Yes, ", "in all retained data", "2 days ago (20 Sep 14:05 UTC)", False),
        (WIDENED, "", "2 days ago (20 Sep 14:05 UTC)", True),
    ],
)
def test_an_opening_sentence_is_held_against_what_else_is_told(
    lead: str, read_as: str, told_then: str, is_contradictory: bool
) -> None:
    story = f"{lead}3 days ago (19 Sep 14:05 UTC): a failed (“x”)."
    claims = [{"text": story}, {"text": f"Another like it: {told_then}, first in b."}]
    found = list(contradictions({"as_of": "2026-09-22T15:00:00.000Z", "read_as": read_as, "claims": claims}))
    assert bool(found) is is_contradictory
