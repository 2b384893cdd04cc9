"""The metrics, against values worked out by hand from their definitions."""

import math

import pytest

from api.evaluate.metrics import interval, mean, normalise_template, paired_bootstrap, parsing, ranking


def test_a_group_counts_only_when_it_has_just_the_lines_of_one_event() -> None:
    found = parsing(["a", "a", "b", "b", "c"], list("AABBC"), ["1", "1", "2", "3", "4"], list("AAxBC"))
    assert found["GA"] == pytest.approx(3 / 5)  # the lines of a and c; b was split
    assert found["PA"] == pytest.approx(4 / 5)
    assert found["FGA"] == pytest.approx(2 * 2 / (4 + 3))
    assert found["FTA"] == pytest.approx(2 * 3 / (4 + 3))  # A, B and C have lines of their own event only
    assert (found["n_true"], found["n_pred"]) == (3, 4)


def test_a_template_of_two_events_is_wrong_for_both() -> None:
    found = parsing(["a", "b"], ["A", "B"], ["1", "1"], ["A", "A"])
    assert found["GA"] == found["FGA"] == found["FTA"] == 0


def test_ranks_are_those_of_the_gold_results() -> None:
    found = ranking(["x", "a", "y", "b"], {"a", "b"})
    assert (found["hit@1"], found["hit@5"], found["recall@10"], found["mrr"]) == (0, 1, 1, 0.5)
    ideal = 1 + 1 / math.log2(3)
    assert found["ndcg@10"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert ranking([], {"a"}) == {"hit@1": 0, "hit@5": 0, "recall@10": 0, "mrr": 0, "ndcg@10": 0}


@pytest.mark.parametrize(
    ("template", "spelt"),
    [("a  <*>, <*> b", "a <*> b"), ("<*>:<*>", "<*>"), (" x <*> y <*>", "x <*> y <*>"), ("<*>(<*>)", "<*>(<*>)")],
)
def test_templates_have_one_spelling(template: str, spelt: str) -> None:
    assert normalise_template(template) == spelt


def test_the_interval_holds_the_mean_and_narrows_with_more_values() -> None:
    few, many = [0.0, 1.0] * 5, [0.0, 1.0] * 200
    low, high = interval(few)
    assert low < 0.5 < high
    assert interval(many)[1] - interval(many)[0] < high - low
    assert interval(few) == interval(few)


def test_a_paired_difference_of_equals_is_nothing_and_of_better_ones_is_positive() -> None:
    assert paired_bootstrap([1, 0, 1], [1, 0, 1]) == (0, 0, 0)
    difference, low, _ = paired_bootstrap([1.0] * 20, [0.0, 1.0] * 10)
    assert difference == 0.5
    assert low > 0


def test_the_mean_is_by_name() -> None:
    assert mean([{"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.0}]) == {"a": 0.5, "b": 0.0}
    assert mean([]) == {}
