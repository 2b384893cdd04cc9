"""Families of incidents: who belongs together, and whose id they bear."""

import dataclasses
import itertools

import polars as pl
import pytest

from index.incident import Incident
from index.incident_blame import rank_by_blame
from index.incident_family import with_families
from index.incident_named import shares_named
from index.incident_span import Feature, score_of, signature


def made(number: int, features: dict[str, float]) -> Incident:
    length = sum(weight**2 for weight in features.values()) ** 0.5
    return Incident(
        incident_id=f"{number:016x}",
        title="",
        start_ns=number * 1_000,
        end_ns=number * 1_000 + 500,
        severity="minor",
        services=("a",),
        onset=(),
        kinds=(),
        deviations=(),
        evidence=(),
        signature=tuple(sorted((name, weight / length) for name, weight in features.items())),
        line_count=1,
    )


POOL = {"more|a|pool": 1.0, "less|b|done": -0.5}
SLOW = {"slower|c|x>y": 1.0}


def families(incidents: list[Incident]) -> dict[str, str]:
    return {incident.incident_id[-1]: incident.family_id[-1] for incident in with_families(incidents)}


def test_alike_incidents_bear_the_id_of_the_earliest() -> None:
    crowd = [
        made(1, POOL),
        made(2, SLOW),
        made(3, POOL | {"more|d|noise": 0.3}),
        made(4, SLOW),
        made(5, {"more|z|q": 1.0}),
    ]
    assert families(crowd) == {"1": "1", "2": "2", "3": "1", "4": "2", "5": "5"}


def test_one_incident_is_a_family_by_itself() -> None:
    assert families([made(7, POOL)]) == {"7": "7"}
    assert with_families([]) == []


@pytest.mark.parametrize("other", [POOL, SLOW], ids=["alike", "unlike"])
def test_two_incidents_are_one_family_only_when_alike(other: dict[str, float]) -> None:
    assert families([made(1, POOL), made(2, other)]) == {"1": "1", "2": "1" if other == POOL else "2"}


def test_opposites_are_no_family() -> None:
    assert families([made(1, {"more|a|p": 1.0}), made(2, {"more|a|p": -1.0})]) == {"1": "1", "2": "2"}


def test_families_do_not_depend_on_the_order_of_incidents() -> None:
    crowd = [made(1, POOL), made(2, SLOW), made(3, POOL), made(4, SLOW)]
    expected = with_families(crowd)
    for turned in itertools.permutations(crowd):
        assert with_families(list(turned)) == expected


def test_families_found_before_are_found_anew() -> None:
    once = with_families([made(1, POOL), made(2, POOL)])
    assert with_families(once[1:]) == [dataclasses.replace(once[1], family_id=once[1].incident_id)]


def feature(service: str, kind: str, template: str, surprise: float, *, starved: bool = False) -> Feature:
    return Feature(
        service=service,
        kind=kind,  # type: ignore[arg-type]  # one of the literals, spelled out by each test
        pattern_id=template,
        template=template,
        before_id="",
        observed=9,
        expected=1,
        surprise=surprise,
        rarity=1.0,
        minutes=5,
        starved=starved,
        evidence=abs(surprise),
    )


def test_blame_goes_to_the_service_that_callers_name() -> None:
    ranked = rank_by_blame(
        {
            "gateway": [feature("gateway", "appeared", "orders did not respond", 12)],
            "orders": [feature("orders", "appeared", "call to stock timed out", 9)],
            "stock": [feature("stock", "burst", "queue grows", 5)],
        },
        {"more|gateway|orders did not respond": {"orders": 1.0}, "more|orders|call to stock timed out": {"stock": 1.0}},
    )
    assert ranked == ["stock", "gateway", "orders"]


def test_a_pattern_that_speaks_of_several_parts_its_blame_among_them() -> None:
    complaint = {"more|gateway|could not connect": {"stock": 0.75, "orders": 0.25}}
    ranked = rank_by_blame(
        {
            "gateway": [feature("gateway", "appeared", "could not connect", 12)],
            "orders": [feature("orders", "burst", "x", 5)],
            "stock": [feature("stock", "burst", "y", 5)],
        },
        complaint,
    )
    assert ranked == ["stock", "orders", "gateway"]


@pytest.mark.parametrize(
    ("service", "message", "is_named"),
    [
        ("order", "reordering failed, order-history too", False),
        ("order", "no order 17", False),
        ("order", "no answer from order", True),
        ("orders", "orders answered with 503", True),
        ("svc-stock", "could not connect to svc-stock (connection refused)", True),
        ("svc-stock", "GET http://stock/levels failed", True),
        ("svc-stock", "dial tcp: lookup stock:8080", True),
        ("svc-stock", "too little stock left", False),
        ("svc-stock", "svc-stock-history is down", False),
        ("ts-order-service", "call of OrderService failed", True),
        ("ts-user-profile-service", "user profile timed out", True),
        ("paymentService", "payment-service: no answer", True),
        ("a.*b", "a and b", False),
        ("订单-service", "调用 订单-service 超时", True),
    ],
)
def test_a_service_is_named_where_its_name_stands_by_itself(service: str, message: str, *, is_named: bool) -> None:
    lines = pl.DataFrame({"service": ["caller"], "pattern_id": ["p"], "message": [message]})
    assert shares_named(lines, ["caller", service]) == ({("caller", "p"): {service: 1.0}} if is_named else {})


def test_shares_are_of_all_lines_and_nobody_names_itself() -> None:
    said = ["to stock", "to cart", "to stock and cart", "to nobody"]
    lines = pl.DataFrame({"service": ["cart"] * 4, "pattern_id": ["p"] * 4, "message": said})
    assert shares_named(lines, ["cart", "stock"]) == {("cart", "p"): {"stock": 0.5}}


def test_a_service_that_is_only_asked_less_is_not_the_faulty_one() -> None:
    ranked = rank_by_blame(
        {
            "caller": [feature("caller", "appeared", "pool exhausted", 7)],
            "callee": [feature("callee", "vanished", "served", -14, starved=True)],
        },
        {},
    )
    assert ranked == ["caller", "callee"]


def test_lines_that_deviate_together_count_once_and_a_bit() -> None:
    alone = score_of([feature("a", "burst", "x", 8)])
    together = score_of([feature("a", "burst", str(number), 8) for number in range(20)])
    assert alone == pytest.approx(8)
    assert 8 < together < 8 * 2**0.5


def test_signatures_have_unit_length_and_keep_the_sign() -> None:
    named = dict(signature([feature("a", "burst", "x", 8), feature("b", "vanished", "y", -5)]))
    assert sum(weight**2 for weight in named.values()) == pytest.approx(1, abs=1e-5)
    assert named["more|a|x"] > 0 > named["less|b|y"]
