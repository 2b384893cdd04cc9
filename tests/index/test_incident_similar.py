"""Likeness of incidents: what ranks first, how it is explained, and what it must not look at."""

import dataclasses
from collections.abc import Iterator

import pytest

from index.incident import Deviation, Incident, Onset
from index.incident_mine import mine_incidents, span_incident
from index.incident_similar import cosine, order_agreement, similar
from index.incident_text import document, service_words, template_words
from index.store_parquet import ParquetStore
from tests.index import traffic
from tests.index.traffic import FAULTS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParquetStore]:
    opened = traffic.stored(tmp_path_factory.mktemp("store"), traffic.lines(seed=4))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def incidents(store: ParquetStore) -> list[Incident]:
    return mine_incidents(store, traffic.patterns_of(store), before_ns=None)


def made(
    name: str, signature: dict[str, float], *, order: tuple[str, ...] = (), said: tuple[str, ...] = ()
) -> Incident:
    length = sum(weight**2 for weight in signature.values()) ** 0.5
    return Incident(
        incident_id=name,
        title=name,
        start_ns=0,
        end_ns=60,
        severity="minor",
        services=order,
        onset=tuple(Onset(service, place, "") for place, service in enumerate(order)),
        kinds=(),
        deviations=tuple(Deviation("a", "appeared", "p", text, 9, 0, 9.0, 0, ()) for text in said),
        evidence=(),
        signature=tuple(sorted((feature, weight / length) for feature, weight in signature.items())),
        line_count=1,
    )


def test_the_same_fault_ranks_first_and_far_ahead(incidents: list[Incident]) -> None:
    again = incidents[3]
    found = similar(again, incidents, 3)
    assert found[0].incident == incidents[1]
    assert found[0].score > 0.5
    assert found[0].margin > 0.3
    assert again.incident_id not in {one.incident.incident_id for one in found}


def test_likeness_is_explained_by_what_was_said(incidents: list[Incident]) -> None:
    found = similar(incidents[3], incidents, 3)
    assert any("connection pool exhausted" in template for template in found[0].shared)
    other = next(one for one in found if one.incident == incidents[0])
    assert any("reserved" in template for template in other.missing)
    assert any("connection pool exhausted" in template for template in other.extra)


def test_a_span_that_a_person_points_at_finds_the_incident_it_is_like(
    store: ParquetStore, incidents: list[Incident]
) -> None:
    asked = span_incident(store, traffic.patterns_of(store), FAULTS[3].start_ns, FAULTS[3].end_ns)
    assert asked.services[0] == "orders"
    assert [one.incident for one in similar(asked, incidents[:3], 1)] == [incidents[1]]


def test_a_span_can_be_narrowed_to_services(store: ParquetStore) -> None:
    patterns = traffic.patterns_of(store)
    asked = span_incident(store, patterns, FAULTS[3].start_ns, FAULTS[3].end_ns, services=("gateway",))
    assert set(asked.services) == {"gateway"}
    assert {name.split("|")[1] for name, _ in asked.signature} == {"gateway"}


def test_times_and_ids_do_not_matter(incidents: list[Incident]) -> None:
    moved = [
        dataclasses.replace(incident, start_ns=incident.start_ns + 10**15, incident_id=f"{number:016x}")
        for number, incident in enumerate(incidents)
    ]
    before = [one.score for one in similar(incidents[3], incidents, 5)]
    assert [one.score for one in similar(moved[3], moved, 5)] == before


def test_the_same_sign_in_another_service_is_still_somewhat_alike() -> None:
    asked = made("q", {"more|a|p": 1.0})
    elsewhere = made("e", {"more|b|p": 1.0})
    opposite = made("o", {"more|a|p": -1.0})
    assert cosine(asked, asked) == pytest.approx(1)
    assert cosine(asked, elsewhere) == pytest.approx(0.2)
    assert [one.score for one in similar(asked, [opposite], 1)] == [0]


def test_the_order_of_failing_services_decides_between_equals() -> None:
    features = {"more|a|p": 1.0, "more|b|q": 1.0}
    asked = made("q", features, order=("a", "b", "c"))
    same, turned = made("z", features, order=("a", "b", "c")), made("y", features, order=("c", "b", "a"))
    assert order_agreement(asked, same) == 1
    assert order_agreement(asked, turned) == 0
    assert order_agreement(asked, made("x", features, order=("a",))) is None
    found = similar(asked, [turned, same], 2)
    assert [one.incident.incident_id for one in found] == ["z", "y"]
    assert found[0].margin == pytest.approx(found[0].score - found[1].score)


def test_equals_rank_by_id_whatever_their_order() -> None:
    asked = made("q", {"more|a|p": 1.0})
    twins = [made(name, {"more|a|p": 1.0}) for name in "cab"]
    assert [one.incident.incident_id for one in similar(asked, twins, 3)] == ["a", "b", "c"]


def test_an_incident_without_features_is_like_nothing() -> None:
    assert similar(made("q", {}), [made("a", {"more|a|p": 1.0})], 1)[0].score == 0


def test_a_document_says_what_happened_where_and_of_what_kind(incidents: list[Incident]) -> None:
    silent, errors, slow = (document(incident) for incident in incidents[:3])
    assert "stopped" in silent
    assert "reserved pieces" in silent
    assert "connection pool exhausted" in errors
    assert "slow" in slow
    assert "charged card" in slow


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("ts-user-profile-service", "user profile"),
        ("svc-frontdoor", "frontdoor"),
        ("orderHistory", "order history"),
        ("service", "service"),
        ("订单-service", "订单"),
    ],
)
def test_service_names_are_split_into_words(service: str, words: str) -> None:
    assert service_words(service) == words


def test_templates_become_prose() -> None:
    assert template_words("[findUserById][id: <*>] No user <*>") == "findUserById id No user find user by id"
