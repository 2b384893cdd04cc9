"""A checker that is attacked: no false sentence of the corpus is told, and most true ones are."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from api.llm_check import supported
from api.llm_fit import Statement

SERVICES = frozenset(
    f"{name}-api"
    for name in (
        *("alerts", "basket", "billing", "delivery", "edge", "finder"),
        *("inventory", "merchandise", "sales", "tariff", "users", "voucher"),
    )
) | {"auth", "db", "payment", "cart", "order", "checkout", "order-service"}
GROUPS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "model_sentences.toml").read_text("utf-8"))[
    "group"
]
TRUE_KEPT = 0.87
"""Of all true ones; .89 when it was written. More is better, as long as no false one is kept."""


def of(group: dict[str, Any]) -> str:
    return f"{group['half']}-{group['language']}"


def statements(group: dict[str, Any]) -> list[Statement]:
    return [Statement(f"S{number}", text, (f"line-{number}",)) for number, text in enumerate(group["statements"], 1)]


def is_kept(text: str, group: dict[str, Any]) -> bool:
    return supported(text, statements(group), SERVICES)[1] is None


def test_there_are_enough_of_both_in_both_languages() -> None:
    counts = {kind: sum(len(group[kind]) for group in GROUPS) for kind in ("true", "false")}
    assert counts["true"] >= 150
    assert counts["false"] >= 250
    assert {(group["half"], group["language"]) for group in GROUPS} >= {
        (half, language) for half in ("development", "held_out") for language in ("en", "zh")
    }


@pytest.mark.parametrize("group", GROUPS, ids=of)
def test_nothing_false_is_told_whatever_it_cites(group: dict[str, Any]) -> None:
    assert [text for text in group["false"] if is_kept(text, group)] == []


@pytest.mark.parametrize("group", GROUPS, ids=of)
def test_every_statement_may_be_copied(group: dict[str, Any]) -> None:
    for each in statements(group):
        assert supported(each.text, [each], SERVICES) == ((each,), None)


def test_most_that_is_true_is_told_in_its_words() -> None:
    kept = [is_kept(text, group) for group in GROUPS for text in group["true"]]
    assert sum(kept) / len(kept) >= TRUE_KEPT


@pytest.mark.parametrize(
    "piece",
    [
        "auth 1 ",
        "1 1 ",
        "auth, which ",
        "after auth ",
        "auth and ",
        "在 auth 后 ",
        "(",
        "“",
        "1 min and ",
        "Sep 1 ",
        "Note:(",
    ],
)
def test_a_line_made_to_be_slow_is_refused_as_any_other(piece: str) -> None:
    group = GROUPS[0]
    text = f"auth {piece * 600}"[:600]
    assert supported(text, statements(group), SERVICES)[1] is not None
