"""The glossary joins what people ask with to what logs say, in both languages."""

import importlib.resources
import tomllib
from collections import Counter
from typing import Any

import pytest

from index.glossary import GAP, Glossary, load_glossary, parse_glossary
from index.words import words

SIDES = ("en", "zh", "ask", "log", "beside")
MEANT_TWICE = {
    "business": "checkout, 下单, 信息, 站点",
    "data": "mapper, reducer, name system, stored block, 编码",
    "faults": "access violation, stack overflow, thread pool exhausted, 服务不可用, 栈溢出, 线程池打满, 部分失败",
    "hardware": "machine, module, raid, 存储, 机器, 没电",
    "life": "attempt, feature flag, graceful shutdown, hotfix, phase, replica, term, 主从切换, 任期, 关闭, 副本, "
    "打补丁, 抢占, 提交作业, 结束, 选票, 阶段",
    "network": "bounced mail, bytes received, bytes sent, bytes transferred, endpoint, remote call, rpc, sent, 接口, "
    "流量, 网址, 请求量, 转发, 退信",
    "security": "otp, password change, password reset, single sign on, sudo, 单点登录, 重置密码",
}
"""Words that stand for two concepts of a table: a question that says one is met by either."""


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return load_glossary()


@pytest.fixture(scope="module")
def tables() -> dict[str, dict[str, dict[str, Any]]]:
    folder = importlib.resources.files("index").joinpath("glossary")
    read = [tomllib.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()]
    return {name: concepts for table in read for name, concepts in table.items()}


def forms(entry: dict[str, Any], *sides: str) -> list[str]:
    return [form.strip() for side in sides for form in str(entry.get(side, "")).split(",") if side in entry]


@pytest.mark.parametrize(
    ("asked", "logged"),
    [
        ("Did we run out of memory?", "java.lang.OutOfMemoryError: Java heap space"),
        ("有没有内存溢出", "container was OOMKilled"),
        ("连接被拒绝过吗", "dial tcp 10.0.0.1: ECONNREFUSED"),
        ("Was the disk full?", "write failed: No space left on device"),
        ("磁盘空间不足", "write failed: No space left on device"),
        ("请求超时", "context deadline exceeded"),
        ("Did name resolution fail?", "lookup db on 10.0.0.2: no such host"),
        ("用户登录不了", "Bad credentials for bob"),
        ("验证码错误", "verifyCode mismatch"),
        ("证书过期", "x509: certificate has expired or is not yet valid"),
        ("was traffic rate limited", "HTTP 429 Too Many Requests"),
        ("发布之后", "starting rolling update"),
        ("any pod crash loop?", "kubelet: Back-off restarting failed container"),
        ("Did we run out of database connections?", "pool timeout: no free connection"),
    ],
)
def test_a_question_and_a_log_line_meet_in_a_concept(glossary: Glossary, asked: str, logged: str) -> None:
    assert set(glossary.expand(asked, "question")) & set(glossary.expand(logged, "document"))


@pytest.mark.parametrize(
    ("asked", "logged"),
    [
        ("Has a certificate expired?", "payment accepted"),
        ("磁盘满了吗", "user logged in"),
        ("Did anything restart?", "connection refused"),
    ],
)
def test_unrelated_texts_do_not_meet(glossary: Glossary, asked: str, logged: str) -> None:
    assert not set(glossary.expand(asked, "question")) & set(glossary.expand(logged, "document"))


def test_words_that_only_questions_use_are_not_looked_for_in_logs(glossary: Glossary) -> None:
    assert "avalanche" in glossary.expand("services failed one after another", "question")
    assert "avalanche" not in glossary.expand("one after another", "document")


def test_camel_case_and_inflection_do_not_hide_a_concept(glossary: Glossary) -> None:
    assert "retry" in glossary.expand("RetryingHttpClient", "document")
    assert "timeout" in glossary.expand("SocketTimeoutException", "document")
    assert "unreachable" in glossary.expand("java.net.NoRouteToHostException", "document")


def test_a_name_in_camel_case_is_met_by_a_form_of_one_word_and_neighbouring_words_are_not() -> None:
    glossary = parse_glossary('[g]\na = { en = "lost node", zh = "失联", log = "lostnode" }')
    assert glossary.expand("onLostNodeEvent", "document") == {"a": 1}
    single = parse_glossary('[g]\na = { en = "lostnode", zh = "失联" }')
    assert single.expand("NodeLostNodeFound", "document") == {"a": 1}
    assert single.expand("lost node", "document") == {}


@pytest.mark.parametrize("text", ["数据库连接池耗尽", "ran out of database connections", "out of client connections"])
def test_whose_connections_ran_out_is_part_of_the_exhausted_pool(glossary: Glossary, text: str) -> None:
    assert [match.concept.id for match in glossary.longest(text, "question")] == ["pool_exhausted"]


@pytest.mark.parametrize(
    "text",
    ["pod", "container", "node", "instance", "host", "server", "service", "容器", "节点", "实例", "主机", "服务器"],
)
def test_words_for_where_something_runs_are_broad(glossary: Glossary, text: str) -> None:
    assert all(match.concept.broad for match in glossary.longest(text, "question"))


def test_a_longer_match_covers_the_shorter_ones_inside_it(glossary: Glossary) -> None:
    text = "the connection pool exhausted"
    assert [match.concept.id for match in glossary.longest(text, "question")] == ["pool_exhausted"]
    assert {"pool", "connect"} <= set(glossary.expand(text, "question"))


def test_chinese_is_read_word_for_word_and_english_in_it_stays(glossary: Glossary) -> None:
    assert glossary.english_of("支付服务 payment-api 连接池耗尽") == "payment service payment api pool exhausted"


def test_every_concept_is_found_by_each_of_its_spoken_forms(glossary: Glossary) -> None:
    for concept in glossary.concepts:
        assert concept.id in glossary.expand(concept.spoken, "question"), concept.id


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("no connection to the main database available", True),
        ("no connection available", True),
        ("no connection was needed for any of the jobs that are available", False),
        ("no connection", False),
    ],
)
def test_a_gap_takes_a_few_words_and_no_more(glossary: Glossary, text: str, is_named: bool) -> None:
    assert ("pool_exhausted" in glossary.expand(text, "document")) is is_named


def test_signs_name_concepts_that_exist(glossary: Glossary) -> None:
    known = {concept.id for concept in glossary.concepts}
    assert all(sign in known for concept in glossary.concepts for sign in (*concept.signs, *concept.of))


BESIDE = """
[g]
clock = { en = "clock", zh = "时钟" }
skew = { en = "clock skew", zh = "时钟偏差", ask = "from the future", beside = "drift, off", of = "clock" }
offline = { en = "off", zh = "关闭" }
"""


@pytest.mark.parametrize(
    ("text", "named", "taken"),
    [
        ("did a clock drift", ["drift"], ["clock"]),
        ("was the clock off", ["off"], ["clock", "off"]),
        ("the clock said it was from the future", ["from the future"], ["clock", "from the future"]),
        ("was there clock skew, by which clock", ["clock skew"], ["clock"]),
    ],
)
def test_a_word_beside_what_it_is_a_fault_of_names_that_fault_and_takes_both(
    text: str, named: list[str], taken: list[str]
) -> None:
    kept, gone = parse_glossary(BESIDE).asked(text)
    assert [text[match.start : match.end] for match in kept] == named
    assert all(match.concept.id == "skew" and not match.vague for match in kept)
    assert [text[match.start : match.end] for match in gone] == taken


@pytest.mark.parametrize(("text", "named"), [("did snow drift", []), ("was the light off", ["offline"])])
def test_without_it_the_word_means_what_it_means_elsewhere(text: str, named: list[str]) -> None:
    kept, gone = parse_glossary(BESIDE).asked(text)
    assert [match.concept.id for match in kept] == named
    assert gone == []


def test_a_form_given_twice_is_vague_only_when_no_sure_form_says_the_same() -> None:
    glossary = parse_glossary('[g]\na = { en = "fallen over", zh = "倒了", ask = "falls over, fallen over" }')
    assert [match.vague for match in glossary.matches("it had fallen over", "question")] == [False]


@pytest.mark.parametrize(
    ("asked", "logged"),
    [
        ("Did somebody guess their way in?", "too many login attempts for guest, blocked as brute force"),
        ("有人在猜密码进来吗", "PAM: Maximum authentication attempts exceeded for admin"),
        ("Who leads the group now?", "node n3 became leader in term 12"),
        ("Were any bits flipped?", "uncorrectable ECC error on DIMM 4"),
        ("When did the laptop wake up?", "system wake event: lid opened"),
        ("手机今天走了多少步", "pedometer updated stepCount=312"),
        ("Does the machine want a restart after the update?", "RebootRequired flag set"),
        ("Which part of the program was missing?", "ClassNotFoundException: shop.Basket"),
        ("没有可用节点能放下它", "FailedScheduling: 0 candidates fit"),
        ("Was the database gone?", "MySQL server has gone away"),
        ("文件打开得太多了吗, 句柄耗尽", "accept: EMFILE"),
        ("Did it lose touch with a node, no pulse?", "worker-7 missed heartbeat, removing"),
    ],
)
def test_words_of_everyday_meet_the_words_of_logs(glossary: Glossary, asked: str, logged: str) -> None:
    assert set(glossary.expand(asked, "question")) & set(glossary.expand(logged, "document"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("started", "stopped"),
        ("enabled", "disabled"),
        ("accepted", "refused"),
        ("opened", "closed"),
        ("connected", "disconnected"),
        ("succeeded", "failed"),
        ("installed", "uninstalled"),
        ("logged in", "logged out"),
        ("foreground", "background"),
        ("启动", "停止"),
        ("允许", "拒绝"),
        ("成功", "失败"),
        ("安装", "卸载"),
    ],
)
def test_opposites_do_not_meet(glossary: Glossary, one: str, other: str) -> None:
    for side in ("question", "document"):
        assert not {m.concept.id for m in glossary.longest(one, "question")} & set(glossary.expand(other, side))


def test_every_concept_is_told_in_both_languages_and_no_list_is_empty(
    tables: dict[str, dict[str, dict[str, Any]]],
) -> None:
    for concepts in tables.values():
        for name, entry in concepts.items():
            assert set(entry) <= {*SIDES, "broad", "signs", "of", "kind"}, name
            assert {"en", "zh"} <= set(entry), name
            assert all(forms(entry, side) and all(forms(entry, side)) for side in SIDES if side in entry), name


def test_a_concept_has_one_id_and_a_table_one_file(
    glossary: Glossary, tables: dict[str, dict[str, dict[str, Any]]]
) -> None:
    ids = [concept.id for concept in glossary.concepts]
    assert len(ids) == len(set(ids)) == sum(map(len, tables.values()))
    assert {concept.group for concept in glossary.concepts} == set(tables)


def test_every_form_can_be_found(tables: dict[str, dict[str, dict[str, Any]]]) -> None:
    for concepts in tables.values():
        for name, entry in concepts.items():
            for form in forms(entry, *SIDES):
                found = words(form)
                assert found, (name, form)
                assert len(found) == 1 or not any(word.is_han for word in found), (name, form)
                assert all(part.strip() for part in form.split(GAP)), (name, form)


def test_a_form_names_one_concept_of_its_table_unless_that_is_meant(
    tables: dict[str, dict[str, dict[str, Any]]],
) -> None:
    for table, concepts in tables.items():
        said = Counter(form for entry in concepts.values() for form in set(forms(entry, "en", "zh")))
        twice = {form for form, times in said.items() if times > 1}
        assert twice == set(filter(None, MEANT_TWICE.get(table, "").split(", "))), table
