import dataclasses

import pytest

from index.pattern_mine import mine_patterns
from index.pattern_settings import MASK_RULES, MERGE_RULES, SHIPPED, MaskRule, MergeRule, PatternSettings
from tests.index.test_pattern_mine import NAMES, signatures

MASKED: dict[MaskRule, list[str]] = {
    "headers": ["2026-03-01 10:00:00 the till is open"],
    "header levels": ["2026-03-01 10:00:00 INFO the till is open"],
    "header loggers": ["2026-03-01 10:00:00 shop.till.Front: the till is open"],
    "header hosts": ["Mar  1 10:00:00 counter till[12]: the till is open"],
    "header columns": ["17 counter-2 2026-03-01 10:00:00 4 the till is open"],
    "header marks": ["2026-03-01 10:00:00 1234 front.cc:40] the till is open"],
    "frames": ["boom: no cart\n\tat a.b.C.d(C.java:12)"],
    "URLs": ["fetching shop://till/a?b=c now"],
    "UUIDs": ["job 7f0c2a9e-11aa-4c3d-9e2f-001122334455/cart queued"],
    "tokens": ["with eyJhbGciOiJIUzI.eyJzdWIi.c2lnbmVk sent"],
    "MACs": ["card aa:bb:cc:dd:ee:ff seen"],
    "dates in words": ["due at Mon May 06 07:08:09 UTC 2024 sharp"],
    "dates": ["due at 2024-05-06 07:08:09 UTC sharp"],
    "clocks": ["due at 07:08:09 PM sharp"],
    "IPv4": ["peer 10.0.0.7-b is gone"],
    "IPv6": ["peer fe80::1ff:fe23:4567:890a is gone"],
    "mail": ["asked anna@example.org for help"],
    "hosts with port": ["peer till.example.org:5432 is gone"],
    "0x": ["flag 0x1f/cart set"],
    "hex runs": ["job 9f86d081884c7d65/x queued"],
    "paths": ["cannot open /var/lib/shop now"],
    "request paths": ["GET /carts/17 took long"],
    "units": ["waited 12ms for it"],
    "changing units": ["wrote 980 KB there"],
    "sizes twice": ["sent 900 KB (921600 bytes) there"],
    "field names": ["open a1=anna now"],
    "literals": ["switch is true here"],
    "words with digits": ["till77b is open"],
    "names with digits": ["signed by sha256 again"],
    "numbered names": ["worker-12 is up"],
    "lists": ["moved shards=[anna, bert, cleo] there"],
    "fields in brackets": ["cart Item(id=x, name=tea) there"],
    "equal elements": ["carts: {a, a, a} there"],
    "repeats": ["went 3 at 4 at 5 at home"],
    "joined values": ["shards 1, 2, 3 moved"],
}
MERGED: dict[MergeRule, list[str]] = {
    "states apart": [f"link to {word} is there" for word in [*NAMES, "up", "down"]],
    "errors apart": [f"till threw {word}Error in peace" for word in NAMES],
    "fields": ["open owner=anna there", "open owner=bert there"],
    "fields in colons": ["open [owner: anna] there", "open [owner: bert] there"],
    "causes apart": ["done status=anna there", "done status=bert there"],
    "known values": [
        *(f"cache of {name} warmed up" for name in NAMES),
        *(f"carts by {name} went away" for name in NAMES[:2]),
    ],
    "nouns": [f"quota of user {name} raised" for name in NAMES[:3]],
    "looks": [f"mail to {name}-till.example went away" for name in NAMES[:3]],
    "quotes": [f"mail to '{name}' went away" for name in NAMES[:4]],
    "requests": [f"POST {name} went away" for name in NAMES[:9]],
    "beside values": ["cache of 12 warmed up", "cache of anna warmed up", "cache of bert warmed up"],
    "words left": [f"- {name} / 12" for name in NAMES],
    "several holes": [f"user {one} met user {other} in town" for one, other in zip(NAMES[:4], NAMES[4:8], strict=True)],
}


def mined(messages: list[str], settings: PatternSettings) -> list[str]:
    return mine_patterns(signatures(messages), (), settings).patterns["template"].sort().to_list()


def test_every_rule_is_told_of() -> None:
    assert MASKED.keys() == MASK_RULES.keys()
    assert MERGED.keys() == MERGE_RULES.keys()


@pytest.mark.parametrize(("rule", "messages"), MASKED.items(), ids=MASKED)
def test_a_mask_that_is_left_out_shows(rule: MaskRule, messages: list[str]) -> None:
    without = dataclasses.replace(SHIPPED.mask, rules=SHIPPED.mask.rules - {rule})
    assert mined(messages, dataclasses.replace(SHIPPED, mask=without)) != mined(messages, SHIPPED)


@pytest.mark.parametrize(("rule", "messages"), MERGED.items(), ids=MERGED)
def test_a_rule_of_merging_that_is_left_out_shows(rule: MergeRule, messages: list[str]) -> None:
    without = dataclasses.replace(SHIPPED.merge, rules=SHIPPED.merge.rules - {rule})
    assert mined(messages, dataclasses.replace(SHIPPED, merge=without)) != mined(messages, SHIPPED)


def test_with_all_rules_off_numbers_are_still_values() -> None:
    plain = PatternSettings(
        mask=dataclasses.replace(SHIPPED.mask, rules=frozenset()),
        merge=dataclasses.replace(SHIPPED.merge, rules=frozenset()),
    )
    assert mined(["till 12 is open", "till 7 is open"], plain) == ["till <*> is open"]
