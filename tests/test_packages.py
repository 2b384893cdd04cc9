"""The four top-level names are ours alone, and the distribution carries all of them."""

import importlib.metadata

import pytest

PACKAGES = ("ingest", "index", "workers", "api")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_owns_the_name(name: str) -> None:
    owners = set(importlib.metadata.packages_distributions().get(name, []))
    assert owners <= {"dejalog"}, f"{owners} install a package called {name}"
