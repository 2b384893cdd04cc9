"""The compose file keeps to the compose specification and to what we promise of it: closed, small, watched."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

from tests.deploy.container import GIVEN, ROOT, Json, compose

SCHEMA = json.loads((Path(__file__).parent / "compose_spec" / "compose-spec.json").read_text("utf-8"))
CONTENT = compose()
SERVICES: dict[str, Json] = CONTENT["services"]
ROOTS = {"collector": ["DAC_READ_SEARCH"]}
"""Services that run as root, and what rights of root they keep: Docker lets only root read its logs."""
each_service = pytest.mark.parametrize("name", SERVICES)


def complaints(content: Json) -> list[str]:
    return [error.message for error in jsonschema_rs.validator_for(SCHEMA).iter_errors(content)]


def test_it_keeps_to_the_compose_specification() -> None:
    assert complaints(CONTENT) == []


def test_the_specification_would_find_a_misspelt_key() -> None:
    wrong = CONTENT | {"services": {"query": SERVICES["query"] | {"healtcheck": {}}}}
    assert any("healtcheck" in each for each in complaints(wrong))


@each_service
def test_a_service_is_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    assert SERVICES[name].get("network_mode") is None


def test_only_what_is_published_has_a_network_with_a_way_out() -> None:
    outward = {name for name, network in CONTENT["networks"].items() if not (network or {}).get("internal")}
    for name, service in SERVICES.items():
        assert bool(outward & set(service["networks"])) == bool(service.get("ports")), name


@each_service
def test_a_service_has_a_user_without_rights(name: str) -> None:
    service = SERVICES[name]
    user = int(service["user"].split(":")[0])
    assert (user == 0) == (name in ROOTS)
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == ROOTS.get(name, [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    # Elasticsearch's image keeps its keystore beside its programs.
    assert service.get("read_only", False) == (not name.startswith("elasticsearch"))


@each_service
def test_a_service_is_limited_and_watched_and_its_log_is_rotated(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) >= {"cpus", "memory"}
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == "unless-stopped"


@each_service
def test_whoever_of_ours_is_asked_for_readyz_is_given_five_seconds_and_the_asking_some_more(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if SERVICES[name]["image"].startswith("dejalog:"):
        assert "http.urlopen('http://127.0.0.1:8900/readyz', timeout=5)" in check["test"][-1]
        assert int(check["timeout"].removesuffix("s")) >= 10


@each_service
def test_an_image_is_pinned_by_a_version(name: str) -> None:
    image, colon, tag = SERVICES[name]["image"].rpartition(":")
    assert image, colon
    assert re.search(r"\d+\.\d+", tag)


def test_profiles_add_nodes_cards_and_a_model_server_and_nothing_else_is_optional() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "elasticsearch-2": ["three-nodes"],
        "elasticsearch-3": ["three-nodes"],
        "celery-gpu": ["gpu"],
        "vllm": ["vllm"],
    }


def test_two_of_the_three_nodes_keep_lines_and_all_three_vote() -> None:
    roles = [SERVICES[name]["environment"]["node.roles"] for name in SERVICES if name.startswith("elasticsearch")]
    assert sorted(roles) == ["master,data", "master,data", "master,voting_only"]


def test_services_wait_for_services_and_use_secrets_and_volumes_that_there_are() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        named = {each.split(":")[0] for each in service.get("volumes", ()) if each[0] not in "./"}
        assert named <= set(CONTENT["volumes"])
        used = {each if isinstance(each, str) else each["source"] for each in service.get("secrets", ())}
        assert used <= set(CONTENT["secrets"])


def test_the_secrets_lie_where_the_script_makes_them_and_git_looks_away(secrets: Path) -> None:
    files = [Path(secret["file"]) for secret in CONTENT["secrets"].values()]
    assert {str(each.parent) for each in files} == {"deploy/secrets"}
    assert {each.name for each in files} == {each.name for each in secrets.iterdir()}
    assert "/deploy/secrets*/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_other_users_cannot_enter_the_folder_of_secrets_and_containers_can_read_the_files(secrets: Path) -> None:
    assert secrets.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in secrets.iterdir()}
    assert modes == {name: 0o644 if name in GIVEN else 0o444 for name in modes}
