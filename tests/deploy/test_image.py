"""The image's recipe: what it copies exists and is let in, what it installs is locked, and nobody in it is root."""

import fnmatch
import json
import re
import tomllib
from typing import Any

from dockerfile_parse import DockerfileParser

from api.routes_health import router
from tests.deploy.container import ROOT, all_containers, compose

STEPS: list[dict[str, Any]] = DockerfileParser(str(ROOT / "Dockerfile")).structure
SETS = ("distributed", "gpu")
"""What the argument SET of a build may name: the processor's packages, the cards'."""
LET_IN = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]


def values(instruction: str) -> list[str]:
    return [step["value"] for step in STEPS if step["instruction"] == instruction]


def stages() -> dict[str, str]:
    """Name of each stage to what it stands on, in order."""
    return {name: base for base, name in (re.split(r"\s+AS\s+", value) for value in values("FROM"))}


def copied() -> list[str]:
    """What comes out of the checkout, for both sets of locked packages."""
    found = []
    for value in values("COPY"):
        *sources, _ = value.split()
        if not sources[0].startswith("--from"):
            found += [source.replace("${SET}", name) for source in sources for name in SETS]
    return found


def test_what_builds_it_stays_behind() -> None:
    assert list(stages()) == ["build", "runtime"]
    assert [value for value in values("COPY") if "--from" in value] == ["--from=build /opt/dejalog /opt/dejalog"]


def test_what_it_stands_on_is_named_by_a_version() -> None:
    outside = {base for base in stages().values() if base not in stages()}
    assert outside == {"python:3.11-slim-bookworm"}


def test_only_what_the_recipe_copies_is_let_into_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    assert sorted(set(copied())) == sorted(LET_IN)
    assert all((ROOT / source).exists() for source in LET_IN)


def test_every_package_of_the_program_is_copied() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(build["packages"]) <= set(copied())


def test_all_that_is_installed_is_locked_with_hashes() -> None:
    locked, ours = (value for value in values("RUN") if "pip install" in value)
    assert "--no-deps --require-hashes -r /build/locks/${SET}.txt" in locked
    assert ours.endswith("--no-deps --no-build-isolation .")
    assert values("ARG") == [f"SET={SETS[0]}"]
    assert compose()["services"]["celery-gpu"]["build"]["args"] == {"SET": SETS[1]}


def test_the_lock_for_cards_has_faiss_for_cards_only_and_every_line_a_hash() -> None:
    text = (ROOT / "locks" / "gpu.txt").read_text("utf-8")
    blocks = re.findall(r"^[a-z0-9][\w.-]*==[^\n]*(?:\n    [^\n]*)*", text, re.MULTILINE)
    assert len(blocks) > 100
    assert all("--hash=sha256:" in block for block in blocks)
    names = {block.split("==")[0] for block in blocks}
    assert {"faiss-gpu", "sentence-transformers", "torch", "celery", "elasticsearch"} <= names
    assert "faiss-cpu" not in names


def test_the_user_is_not_root_and_is_the_one_that_compose_and_kubernetes_name() -> None:
    assert values("USER") == ["10001:10001"]
    assert any("useradd --uid 10001" in value for value in values("RUN"))


def test_its_health_is_asked_of_a_route_that_there_is() -> None:
    (check,) = values("HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    path = re.search(r"127\.0\.0\.1:8900(/\w+)", command[-1])
    assert path
    assert path[1] in {getattr(route, "path", "") for route in router.routes}
    compile(command[-1], "HEALTHCHECK", "exec")


def test_what_is_deployed_is_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert {each.image for each in all_containers() if each.is_ours} == {f"dejalog:{version}", f"dejalog:{version}-gpu"}


def test_nothing_secret_can_be_let_in() -> None:
    assert not [each for each in LET_IN if fnmatch.fnmatch("deploy/secrets/token", f"{each}*")]
