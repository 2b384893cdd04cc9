"""What a query that is still being written ends with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.query_scan import begun


@pytest.mark.parametrize(
    ("text", "field", "written", "position"),
    [
        pytest.param("", None, "", 0, id="nothing yet"),
        pytest.param("serv", None, "serv", 0, id="a word"),
        pytest.param("a and (b or ser", None, "ser", 12, id="in a group"),
        pytest.param("a ", None, "", 2, id="after a blank"),
        pytest.param("level:", "level", "", 6, id="a field alone"),
        pytest.param("x level:er", "level", "er", 8, id="a value"),
        pytest.param("-level:er", "level", "er", 7, id="an excluded value"),
        pytest.param("service:(cart OR pa", "service", "pa", 17, id="in a field's group"),
        pytest.param("service:(", "service", "", 9, id="a field's group alone"),
        pytest.param("service:(cart) x", None, "x", 15, id="after a field's group"),
        pytest.param('service:"ca', "service", "ca", 8, id="an open quote of a field"),
        pytest.param('service:("a \\"b', "service", 'a "b', 9, id="an open quote in a field's group"),
        pytest.param('x "pool ex', None, "pool ex", 2, id="an open quote"),
        pytest.param("ho\\:st", None, "ho:st", 0, id="an escaped mark"),
    ],
)
def test_the_word_or_value_at_the_end_is_told(text: str, field: str | None, written: str, position: int) -> None:
    found = begun(text)
    assert found is not None
    assert (found.field, found.text, found.position) == (field, written, position)


@pytest.mark.parametrize("text", ["status:>=4", "/took [0-9]+/", "a)", 'x "closed"', "status:[1 TO 4]", "http://x:"])
def test_what_cannot_be_completed_is_none(text: str) -> None:
    assert begun(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [("connection ref", ["connection"]), ("-a b c", ["b"]), ("level:error b c", ["b"]), ("a or b c", ["b"])],
)
def test_bare_words_before_the_last_are_told_too(text: str, words: list[str]) -> None:
    found = begun(text)
    assert found is not None
    assert [each.text for each in found.words] == words


@given(st.text(alphabet='ab:"\\()/-! *<>=[]{}', max_size=40))
def test_no_text_is_an_error(text: str) -> None:
    found = begun(text)
    assert found is None or 0 <= found.position <= len(text)
