"""Chinese shops write Chinese, English ones do not, and a seed decides where nobody does."""

import re
from pathlib import Path

import pytest

from ingest.simulate import SimulationResult, simulate
from ingest.simulate.language import languages
from ingest.simulate.shop import CHINESE_PHRASES, Shop, phrases
from tests.ingest.simulate.conftest import HOUR_NS, START_NS, read_all

HAN = re.compile(r"[\u4e00-\u9fff]")
FIELD = re.compile(r"\{[a-z_]+\}")


def _has_all(seed: int) -> bool:
    return set(languages(seed, 12, chinese=True)) == {"chinese"}


ALL_CHINESE = next(seed for seed in range(100) if _has_all(seed))
SOME_CHINESE = next(seed for seed in range(100) if len(set(languages(seed, 12, chinese=True))) == 3)


def _simulate(folder: Path, seed: int, *, chinese: bool | None) -> SimulationResult:
    return simulate(
        folder,
        seed=seed,
        start_ns=START_NS,
        end_ns=START_NS + 2 * HOUR_NS,
        lines=8_000,
        faults=["avalanche"],
        chinese=chinese,
    )


def _share_of_han(result: SimulationResult) -> dict[str, float]:
    """By service: the share of records with Chinese in them, stack traces and the rest of long lines left out."""
    found: dict[str, list[bool]] = {}
    for record in read_all(result):
        if re.search(r"\d\d:\d\d:\d\d|\"ts\":", record.text):
            found.setdefault(record.service, []).append(bool(HAN.search(record.text)))
    return {service: sum(flags) / len(flags) for service, flags in found.items()}


def test_every_message_has_several_chinese_phrasings_with_the_fields_and_level_of_the_english_ones() -> None:
    chinese = phrases(CHINESE_PHRASES)
    assert {key: level for key, (level, _) in chinese.items()} == {key: level for key, (level, _) in phrases().items()}
    for key, (_, texts) in chinese.items():
        assert len(set(texts)) >= 3
        assert all(HAN.search(text) for text in texts)
        assert {*FIELD.findall("".join(texts))} <= {*FIELD.findall("".join(phrases()[key][1]))}


def test_in_a_shop_that_is_all_chinese_every_line_is(tmp_path: Path) -> None:
    shares = _share_of_han(_simulate(tmp_path, ALL_CHINESE, chinese=True))
    assert len(shares) == 12
    assert min(shares.values()) == 1.0


def test_in_a_mixed_shop_each_service_writes_in_its_own_way(tmp_path: Path) -> None:
    result = _simulate(tmp_path, SOME_CHINESE, chinese=True)
    shares = _share_of_han(result)
    of_service = {service.name: result.plan.shop.languages[service.number] for service in result.plan.shop.services}
    assert {*of_service.values()} == {"english", "mixed", "chinese"}
    for name, share in shares.items():
        if of_service[name] == "chinese":
            assert share == 1.0
        else:
            assert 0.3 < share < 1.0 if of_service[name] == "mixed" else share < 0.3  # names of cities are Chinese


def test_an_english_shop_writes_no_chinese_but_for_the_name_of_a_city(tmp_path: Path) -> None:
    result = _simulate(tmp_path, ALL_CHINESE, chinese=False)
    assert {*result.plan.shop.languages} == {"english"}
    assert all(not HAN.search(record.text.replace("杭州", "")) for record in read_all(result))


def test_about_one_seed_of_four_draws_a_chinese_shop() -> None:
    chinese = sum(Shop(seed).is_chinese for seed in range(400))
    assert 70 < chinese < 130


@pytest.mark.parametrize("seed", [1, 7], ids=["command line", "demo"])
def test_the_default_seeds_write_english(seed: int) -> None:
    assert not Shop(seed).is_chinese


def test_the_clocks_of_a_chinese_shop_run_eight_hours_ahead() -> None:
    assert {Shop(seed, chinese=True).zone_s for seed in range(8)} == {8 * 3600}


def test_the_language_changes_the_words_and_nothing_else() -> None:
    english, chinese = (Shop(7, chinese=flag) for flag in (False, True))
    assert english.services == chinese.services
    assert english.flows == chinese.flows
