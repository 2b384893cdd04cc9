"""What compose and Kubernetes start exists: each command, each setting, each file of a secret."""

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from api.cli import app
from api.settings import CLIENT_NAMES, Settings, known_settings, read_settings
from tests.deploy.container import GIVEN, Container, all_containers, composed, orchestrated

CONTAINERS = all_containers()
OURS = [each for each in CONTAINERS if each.is_ours]
KNOWN = {each.variable for each in known_settings()} | set(CLIENT_NAMES)
SECRET = {each.variable for each in known_settings() if each.secret}
ours = pytest.mark.parametrize("container", OURS, ids=lambda each: each.name)


def settings_of(container: Container, secrets: Path) -> Settings:
    """As the process reads them, its files being those that were made."""
    environment = {
        name: str(secrets / container.files[value]) if value and name.endswith("_FILE") else value
        for name, value in container.environment.items()
    }
    return read_settings(environment=environment)


def test_every_process_of_the_distributed_mode_is_started_by_both() -> None:
    for started in (list(composed()), list(orchestrated("base"))):
        commands = {each.command[:3] for each in started if each.is_ours}
        for wanted in (
            ("dejalog", "worker", "receive"),
            ("dejalog", "worker", "ingest"),
            ("dejalog", "serve", "--listen"),
            ("celery", "-A", "workers.app"),
        ):
            assert wanted in commands
        assert {each.command[3] for each in started if each.command[0] == "celery"} == {"worker", "beat"}
        assert any(each.command[:2] == ("dejalog", "collect") for each in started)


@ours
def test_its_command_line_is_taken_by_the_program(container: Container) -> None:
    if container.command[0] == "celery":  # run for real by test_processes.py, in this very form
        assert container.command[:3] == ("celery", "-A", "workers.app")
        return
    program, *words = container.command
    assert program == "dejalog"
    command: Any = typer.main.get_command(app)
    name = program
    while hasattr(command, "commands"):
        name = words.pop(0)
        command = command.commands[name]
    command.make_context(name, words)  # raises for an option or an argument that there is not


@ours
def test_its_settings_are_read_and_its_secrets_are_files_that_are_made(container: Container, secrets: Path) -> None:
    for name in container.environment:
        variable = name.removesuffix("_FILE")
        assert variable in KNOWN, f"{container.name} sets {name}"
        assert (variable in SECRET) == name.endswith("_FILE"), f"{name} of {container.name} is no file"
    settings = settings_of(container, secrets)
    assert settings.server.token
    uses_store = bool(settings.store.elasticsearch_url)
    assert uses_store == (settings.store.store == "elasticsearch")


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda each: each.name)
def test_no_secret_stands_in_a_command_or_a_variable(container: Container, secrets: Path) -> None:
    files = [path for path in secrets.iterdir() if path.name not in GIVEN]
    contents = [path.read_text("utf-8").strip() for path in files]
    assert len(contents) == 7
    assert all(contents)
    told = " ".join([*container.command, *container.environment.values()])
    assert "PASSWORD=" not in told.replace('PASSWORD="$(cat', "")
    assert not [each for each in contents if each in told]


@pytest.mark.parametrize("name", GIVEN)
def test_a_secret_that_others_give_is_an_empty_file_and_read_where_it_is_named(name: str, secrets: Path) -> None:
    assert (secrets / name).read_text("utf-8") == ""
    (query,) = [each for each in composed() if each.name == "compose query"]
    variable = next(each for each in SECRET if each.lower().removeprefix("dejalog_") == name)
    assert query.environment[f"{variable}_FILE"] == ""  # an empty variable is one that is not given
    named = query.environment | {f"{variable}_FILE": f"/run/secrets/{name}"}
    filled = secrets.parent / f"filled_{name}"
    filled.write_text("https://host.example/1" if name.endswith("_url") else "a-secret", "utf-8")
    files = query.files | {f"/run/secrets/{name}": f"../{filled.name}"}
    settings = settings_of(dataclasses.replace(query, environment=named, files=files), secrets)
    assert filled.read_text("utf-8") in repr(dataclasses.asdict(settings))


def test_secrets_that_were_made_before_stay_and_missing_ones_are_added(secrets: Path) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mode) for path in secrets.iterdir()}
    (secrets / GIVEN[0]).unlink()
    subprocess.run([secrets.parent / "make_secrets.sh"], check=True, capture_output=True)
    assert {path.name: (path.read_bytes(), path.stat().st_mode) for path in secrets.iterdir()} == before


def test_the_workers_of_both_have_all_queues_and_beat_is_the_same() -> None:
    for overlay in ("base", "gpu"):
        by_compose = {each.command for each in composed() if each.command[0] == "celery"}
        by_kubernetes = {each.command for each in orchestrated(overlay) if each.command[0] == "celery"}
        assert by_kubernetes < by_compose
