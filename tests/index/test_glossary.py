"""The glossary joins what people ask with to what logs say, in both languages."""

import pytest

from index.glossary import Glossary, load_glossary, parse_glossary


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return load_glossary()


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
    assert all(sign in known for concept in glossary.concepts for sign in concept.signs)


def test_a_form_given_twice_is_vague_only_when_no_sure_form_says_the_same() -> None:
    glossary = parse_glossary('[g]\na = { en = "fallen over", zh = "倒了", ask = "falls over, fallen over" }')
    assert [match.vague for match in glossary.matches("it had fallen over", "question")] == [False]
