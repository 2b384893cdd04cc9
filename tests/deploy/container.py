"""What both topologies start, compose and Kubernetes, in one form for the tests of this folder."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
KUBERNETES = ROOT / "deploy" / "kubernetes"
Json = dict[str, Any]
GIVEN = (
    "slack_bot_token",
    "slack_app_token",
    "slack_signing_secret",
    "notify_url",
    "openai_base_url",
    "openai_api_key",
)
"""Secrets that others make: their files are made empty."""
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")


@dataclasses.dataclass(frozen=True)
class Container:
    """One container: `files` are its mounted secrets, path in the container to the name of the file that is made."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: dict[str, str]
    files: dict[str, str]

    @property
    def is_ours(self) -> bool:
        return self.image.startswith("dejalog:")


def compose() -> Json:
    """The compose file where no variable is set, as an engine reads it."""
    text = _VARIABLE.sub(lambda found: found["default"] if found["name"] else "$", COMPOSE.read_text("utf-8"))
    content: Json = yaml.safe_load(text)
    return content


def composed() -> Iterator[Container]:
    """The containers of the compose file."""
    content = compose()
    made = {name: Path(secret["file"]).name for name, secret in content["secrets"].items()}
    for name, service in content["services"].items():
        files = {}
        for each in service.get("secrets", ()):
            source = each if isinstance(each, str) else each["source"]
            files[f"/run/secrets/{source}" if isinstance(each, str) else each["target"]] = made[source]
        yield Container(
            f"compose {name}", service["image"], tuple(service["command"]), service.get("environment", {}), files
        )


def resolved(folder: Path) -> list[Json]:
    """The objects of a kustomization, for the two things that ours use: resources, and patches by RFC 6902."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    assert set(kustomization) <= {"apiVersion", "kind", "resources", "patches"}, kustomization
    objects = [each for name in kustomization["resources"] for each in _resource(folder / name)]
    for patch in kustomization.get("patches", ()):
        operations = yaml.safe_load((folder / patch["path"]).read_text("utf-8"))
        targets = [each for each in objects if _is(each, **patch["target"])]
        assert len(targets) == 1, f"{patch['target']} means {len(targets)} objects"
        objects[objects.index(targets[0])] = jsonpatch.apply_patch(targets[0], operations)
    return objects


def _resource(path: Path) -> list[Json]:
    return resolved(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text("utf-8")))


def _is(found: Json, *, kind: str, name: str, namespace: str) -> bool:
    return (found["kind"], found["metadata"]["name"], found["metadata"].get("namespace")) == (kind, name, namespace)


def pods(objects: list[Json]) -> dict[str, Json]:
    """The pod template of each object that has one, by `kind/name`, with its namespace in the metadata."""
    found = {}
    for each in objects:
        if "template" in each.get("spec", {}):
            template = each["spec"]["template"]
            metadata = template["metadata"] | {"namespace": each["metadata"]["namespace"]}
            found[f"{each['kind']}/{each['metadata']['name']}"] = template | {"metadata": metadata}
    return found


def orchestrated(overlay: str) -> Iterator[Container]:
    """The containers of a kustomization."""
    objects = resolved(KUBERNETES / overlay)
    settings = {each["metadata"]["name"]: each["data"] for each in objects if each["kind"] == "ConfigMap"}
    for name, pod in pods(objects).items():
        for each in pod["spec"]["containers"]:
            environment = {
                key: value
                for source in each.get("envFrom", ())
                for key, value in settings[source["configMapRef"]["name"]].items()
            } | {one["name"]: one.get("value", "") for one in each.get("env", ())}
            files = _mounted(pod, each)
            yield Container(f"{overlay} {name}", each["image"], tuple(each["command"]), environment, files)


def _mounted(pod: Json, container: Json) -> dict[str, str]:
    """The files of the Secrets that the page has made."""
    secrets = {volume["name"]: list(secrets_of(volume)) for volume in pod["spec"]["volumes"]}
    return {
        f"{mount['mountPath']}/{key}": file
        for mount in container["volumeMounts"]
        for secret in secrets.get(mount["name"], ())
        for key, file in shown_secrets()[pod["metadata"]["namespace"], secret].items()
    }


def secrets_of(volume: Json) -> Iterator[str]:
    """The Secrets that a volume holds."""
    if "secret" in volume:
        yield volume["secret"]["secretName"]
    for source in volume.get("projected", {}).get("sources", ()):
        yield source["secret"]["name"]


def shown_secrets() -> dict[tuple[str, str], dict[str, str]]:
    """The Secrets that docs/how-to/deploy.md makes: namespace and name, to key, to file."""
    page = (ROOT / "docs" / "how-to" / "deploy.md").read_text("utf-8").replace("\\\n", " ")
    return {
        (found["namespace"], found["name"]): {
            key: Path(file).name for key, file in re.findall(r"--from-file=([\w.]+)=(\S+)", found["files"])
        }
        for found in re.finditer(r"-n (?P<namespace>\S+) create secret generic (?P<name>\S+)(?P<files>.*)", page)
    }


def all_containers() -> list[Container]:
    """Of the compose file, of the base and of the overlay."""
    return [*composed(), *orchestrated("base"), *orchestrated("gpu")]
