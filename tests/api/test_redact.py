"""What a language model is given holds no secret, and what it answers has them again."""

import random
import re
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.redact import KINDS, Redaction

HERE = Path(__file__).parent
ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase + "234567",
    "hex": "0123456789abcdef",
    "digit": string.digits,
}
TOKEN = rf"(?:\[(?:{'|'.join(KINDS)})_[0-9]+\])+"
SIZE = 200_000


def made(form: str) -> str:
    """The line of a form, its values still marked. The same each time."""
    chance = random.Random(form)

    def value(found: re.Match[str]) -> str:
        alphabet, size = ALPHABETS[found[1]], int(found[2])
        picked = [chance.choice(alphabet) for _ in range(size)]
        if size >= 2 and found[1] != "digit":
            picked[0], picked[-1] = next(each for each in alphabet if each.isalpha()), "7"
        return "".join(picked)

    return re.sub(r"\{(\w+?)(\d+)\}", value, form).replace("·", "").replace("¶", "\n")


def lines_of(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


SECRETS, UNCHANGED = lines_of("redact_secrets.txt"), lines_of("redact_unchanged.txt")


def test_there_are_enough_forms() -> None:
    assert (len(SECRETS) >= 100, len(UNCHANGED) >= 40) == (True, True)


@pytest.mark.parametrize("form", SECRETS)
def test_what_is_secret_is_taken_out_and_nothing_else(form: str) -> None:
    parts = re.split("[«»]", made(form))
    line, redaction = "".join(parts), Redaction()
    redacted = redaction.redact(line)
    assert re.fullmatch(TOKEN.join(re.escape(part) for part in parts[::2]), redacted), redacted
    assert not any(len(value) > 5 and value in redacted for value in parts[1::2])
    assert redaction.restore(redacted) == line


@pytest.mark.parametrize("line", UNCHANGED)
def test_what_is_not_secret_stays(line: str) -> None:
    assert Redaction().redact(line) == line


def test_the_same_value_has_the_same_token_in_one_question_and_none_in_the_next() -> None:
    redaction = Redaction()
    texts = [redaction.redact(text) for text in ("10.0.0.1 to 10.0.0.2", "back from 10.0.0.1", "user=alice")]
    assert texts == ["[IP_1] to [IP_2]", "back from [IP_1]", "user=[NAME_1]"]
    assert len(redaction) == 3
    assert Redaction().restore("[IP_1]") == "[IP_1]"


@pytest.mark.parametrize(
    "written",
    [
        "[IP_2]",
        "[ip_2]",
        "[Ip 2]",
        "[IP-2]",
        "[IP2]",
        "[ IP_2 ]",
        "IP_2",
        "⟨IP_2⟩",
        "【IP_2】",
        "<IP_2>",
        "{IP_2}",
        r"\[IP\_2\]",
        r"[IP\_2]",
    ],
)
def test_a_token_comes_back_however_a_model_writes_it(written: str) -> None:
    redaction = Redaction()
    redaction.redact("10.0.0.1 10.0.0.2")
    for around in ("at {} again", "**{}**", "({}).", "主机{}正常", '"{}",', "{}"):
        assert redaction.restore(around.format(written)) == around.format("10.0.0.2")


@pytest.mark.parametrize("written", ["[IP_9]", "[SECRET_1]", "[IP_]", "IP 2", "SHIP_2", "IP_2a", "[IP_123456]", "IP"])
def test_a_token_that_was_never_given_out_stays(written: str) -> None:
    redaction = Redaction()
    redaction.redact("10.0.0.1 10.0.0.2")
    assert redaction.restore(f"at {written} again") == f"at {written} again"


@pytest.mark.parametrize("forged", ["[IP_1]", "ip_1", "[ SECRET 1 ]", r"\[IP\_1\]", "⟨NAME_1⟩", "[TEXT_1]"])
def test_a_log_line_that_forges_a_token_gets_nothing_for_it(forged: str) -> None:
    redaction = Redaction()
    told = [redaction.redact(text) for text in (f"see {forged}", "10.0.0.1 user=alice password=hunter22")]
    assert forged.startswith("[TEXT") or forged not in told[0]
    assert redaction.restore(told[0]) == f"see {forged}"
    assert redaction.restore(" ".join(told)) == f"see {forged} 10.0.0.1 user=alice password=hunter22"


def test_a_secret_is_taken_out_where_it_has_no_name_too() -> None:
    redaction = Redaction()
    redaction.learn("password=hunter22x")
    assert redaction.redact("tried hunter22x again") == "tried [SECRET_1] again"
    assert redaction.redact("password=hunter22x and hunter22x") == "password=[SECRET_1] and [SECRET_1]"


PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["[IP_1]", "IP_1", "secret_1", "\\[", "]", "[", "«", "password=", "token: ", "user ", '"', "\\"]),
    st.sampled_from([re.sub("[«»]", "", made(form)) for form in SECRETS]),
    st.sampled_from(UNCHANGED),
    st.from_regex(r"[\[<{]?(?:IP|NAME|TEXT|ſecret)[_ -]?[0-9]{1,3}[\]>}a1]?", fullmatch=True),
)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=4))
def test_whatever_is_redacted_comes_back_as_it_was(texts: list[str]) -> None:
    redaction = Redaction()
    redacted = [redaction.redact(text) for text in texts]
    assert [redaction.restore(text) for text in redacted] == texts
    again = Redaction()
    assert [again.redact(text) for text in texts] == redacted


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(SECRETS), st.text("([{<,.;: \t\n|#", max_size=3), st.text(")]}>,.;: \t\n|#", max_size=3))
def test_what_stands_around_a_line_changes_nothing(form: str, before: str, after: str) -> None:
    parts = re.split("[«»]", made(form))
    redacted = Redaction().redact(f"{before} {''.join(parts)} {after}")
    assert not any(len(value) > 5 and value in redacted for value in parts[1::2])


PATIENCE_TRIERS = [
    *("a", "a-", "1", "1.", ":", "://a:", "ab:", "x@", "[IP_", "-----BEGIN PRIVATE KEY-----", "--password ", "{", '"'),
    *(
        "\\",
        " ",
        "user '",
        "token=",
        "cookie: a=",
        "secret a b c ",
        "for user a",
        "identified by ",
        "<password>",
        "密码",
    ),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    PATIENCE_TRIERS,
)
def test_a_line_made_to_take_long_takes_no_longer_than_others(piece: str) -> None:
    """Quadratic time would be hours; the limit is generous."""
    line = piece * (SIZE // len(piece))
    redaction = Redaction()
    assert redaction.restore(redaction.redact(line)) == line
