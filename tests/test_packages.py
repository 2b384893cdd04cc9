"""The four top-level names are ours alone, and the distribution carries all of them."""

import importlib.metadata
import subprocess
import sys

import pytest

PACKAGES = ("ingest", "index", "workers", "api")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_owns_the_name(name: str) -> None:
    owners = set(importlib.metadata.packages_distributions().get(name, []))
    assert owners <= {"dejalog"}, f"{owners} install a package called {name}"


def test_without_the_extras_everything_in_one_process_still_runs() -> None:
    modules = ("redis", "celery", "kombu", "torch", "sentence_transformers")
    blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in modules)
    program = f"import sys; {blocked}; import api.serve, api.compose, api.demo, api.cli; api.cli.app"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
