"""The checker keeps true claims and rejects claims with one thing damaged; the judge decides which are which."""

import pytest

from api.evaluate.answers import JudgedShop
from api.evaluate.answers_checker import Checks, check_shop, checker_means, checker_rows


@pytest.fixture(scope="module")
def checks(shop: JudgedShop) -> Checks:
    return check_shop(shop)


def test_there_is_enough_of_both(checks: Checks) -> None:
    assert len(checks.kept) >= 50
    assert len(checks.rejected) >= 200
    kinds = {(kind, way) for kind, way, _ in checks.rejected}
    assert len(kinds) == 12


def test_true_claims_are_kept_and_damaged_ones_rejected(checks: Checks) -> None:
    assert checker_means(checks)["true_kept"] >= 0.95, checks.missed
    assert checker_means(checks)["damaged_rejected"] >= 0.98, checks.missed


def test_damages_that_are_true_by_accident_are_left_out(checks: Checks) -> None:
    assert checks.left_out > 0


def test_the_rows_say_how_many_there_were(checks: Checks) -> None:
    rows = checker_rows(checks)
    assert sum(int(row["n"] or 0) for row in rows) == len(checks.kept) + len(checks.rejected)
