"""The evaluation of answers asks in two languages and reports what is right, by language and by form."""

import re

from api.evaluate.answers import JudgedAnswer, JudgedShop, answer_rows, form_rows

REQUEST = re.compile(r"\b[0-9a-f]{32}\b")


def test_every_question_is_asked_in_both_languages_and_filled_in(shop: JudgedShop) -> None:
    english, chinese = ([one for one in shop.asked if one.language == each] for each in ("en", "zh"))
    assert len(english) == len(chinese) > 20
    assert not [one.text for one in shop.asked if "{" in one.text]
    assert {one.expected for one in shop.asked} == {"found", "not found", "open"}


def test_rows_sum_up_to_all_claims(answers: list[JudgedAnswer]) -> None:
    whole = answer_rows(answers)[-1]
    assert whole["n"] == len(answers)
    forms = form_rows(answers)
    for name in ("right", "wrong", "unjudged"):
        assert sum(int(row[name] or 0) for row in forms) == whole[name]
    assert whole["numbers"] == 1.0
    assert whole["citations"] == 1.0


def test_what_nothing_comes_near_is_not_found(answers: list[JudgedAnswer]) -> None:
    never = [one for one in answers if one.asked.text.startswith(("Did the tape", "Was the VPN", "归档", "到分公司"))]
    assert len(never) == 4
    assert [one.answer["verdict"] for one in never] == ["not_found"] * 4


def test_what_lines_come_near_without_saying_it_is_not_simply_found(answers: list[JudgedAnswer]) -> None:
    near = [one for one in answers if one.asked.text.startswith(("Has the TLS", "邮件网关"))]
    assert len(near) == 2
    assert "found" not in {one.answer["verdict"] for one in near}


def test_an_answer_without_claims_where_there_is_evidence_is_not_right(answers: list[JudgedAnswer]) -> None:
    assert not [one.asked.text for one in answers if one.is_empty and one.claims_right]


def test_an_id_is_found_in_lines_that_carry_it_beside_their_message(shop: JudgedShop) -> None:
    log = shop.judge.log
    lines = [line for service in log.services for line in log.lines_of(service)]
    beside = (line for line in lines if not REQUEST.search(line.texts[0]) and REQUEST.search(line.texts[-1]))
    request = REQUEST.findall(next(beside).texts[-1])[0]
    said, whole = (
        sum(len(log.holding(service, request, anywhere=anywhere)) for service in log.services)
        for anywhere in (False, True)
    )
    answer = shop.world.ask(f"Show me the lines of request {request}", now_ns=shop.world.now_ns)
    assert whole > said
    assert answer.verdict == "found"
    assert answer.claims[0].text == f"“{request}” occurs in {whole} lines, in the message or as an id."
