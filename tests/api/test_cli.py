import json
import os
import re
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

from api import cli
from api.cli_output import one_line, plain
from api.client import Client
from ingest.simulate import FAULTS
from tests.api.conftest import LINES, SERVICES, Served

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "serve",
    "collect",
    "ingest",
    "search",
    "tail",
    "ask",
    "patterns",
    "incidents",
    "mcp",
    "demo",
    "simulate",
    "doctor",
    "token",
)


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command in this process."""
    monkeypatch.setattr(sys, "argv", ["dejalog", *arguments])
    code = cli.run()
    out, err = capsys.readouterr()
    return code, out, err


class Called:
    """Calls commands against the test server."""

    def __init__(
        self, served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.served = served
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("DEJALOG_URL", served.url)
        monkeypatch.setenv("DEJALOG_DATA_DIR", str(tmp_path / "data"))

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        return run(self._capsys, self._monkeypatch, *arguments)


@pytest.fixture
def called(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Called:
    return Called(served, capsys, monkeypatch, tmp_path)


@pytest.fixture
def window(served: Served) -> tuple[str, ...]:
    end_ns = served.start_ns + LINES * 1_000_000_000
    chosen = [part for name in SERVICES for part in ("--service", name)]
    return ("--from", str(served.start_ns), "--to", str(end_ns), *chosen)


def test_search_prints_what_matches_oldest_first(called: Called, window: tuple[str, ...]) -> None:
    code, out, err = called("search", "exhausted", *window[:4])
    assert (code, err) == (0, "")
    assert [line.split()[-2] for line in out.splitlines()] == ["50", "150", "250"]
    assert out.splitlines()[0].split()[1:3] == ["fatal", SERVICES[50 % 3]]


def test_search_that_finds_nothing_says_so_by_its_exit_code_alone(called: Called) -> None:
    assert called("search", "nosuchwordanywhere") == (1, "", "")


def test_a_syntax_error_is_one_line_on_stderr(called: Called) -> None:
    code, out, err = called("search", '"open')
    assert (code, out) == (2, "")
    assert err.startswith("dejalog: ")
    assert err.count("\n") == 1


def test_json_is_one_document_and_ndjson_one_a_line(called: Called, window: tuple[str, ...]) -> None:
    _, out, _ = called("search", "exhausted", *window, "-o", "json")
    assert [line["level"] for line in json.loads(out)["lines"]] == ["fatal"] * 3
    _, out, _ = called("search", "*", *window, "-n", "0", "-o", "ndjson")
    lines = [json.loads(line) for line in out.splitlines()]
    assert len({line["id"] for line in lines}) == LINES


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["search", "--no-such-flag"], "--no-such-flag"),
        (["search", "--since", "1h", "--from", "2h"], "keep one of them"),
        (["search", "--since", "soon"], "is not a time"),
        (["nosuchcommand"], "nosuchcommand"),
        (["search", "-o", "yaml"], "yaml"),
        (["ingest"], "FILE"),
        (["ingest", "/does/not/exist"], "there is no file"),
        (["search", "--url", "ftp://x"], "is not the URL of a server"),
        (["search", "--url", "http://127.0.0.1:1"], "cannot be reached"),
        (["serve", "--listen", "0.0.0.0:8900"], "needs a token"),
        (["serve", "--retention", "soon"], "--retention"),
        (["simulate", "x", "--fault", "nosuchfault"], min(FAULTS)),
        (["incidents", "similar"], "incident_id"),
    ],
    ids=str,
)
def test_errors_are_one_line_with_exit_code_two(called: Called, arguments: list[str], told: str) -> None:
    code, out, err = called(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_an_unknown_setting_stops_every_command(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEJALOG_RETENSION", "1d")
    code, _, err = called("search", "x")
    assert code == 2
    assert "DEJALOG_RETENSION" in err
    assert "DEJALOG_RETENTION" in err


def test_patterns_are_listed_shown_and_edited(called: Called, window: tuple[str, ...]) -> None:
    called.served.post_lines([{"message": "valve 7 stuck", "service": "clipattern"}])
    _, out, _ = called("patterns", "ls", "--service", "clipattern", "-o", "json")
    pattern_id = json.loads(out)["patterns"][0]["pattern_id"]
    assert called("patterns", "rename", pattern_id, "Stuck valve")[0] == 0
    code, out, _ = called("patterns", "show", pattern_id)
    assert (code, "Stuck valve" in out, "valve 7 stuck" in out) == (0, True, True)
    assert called("patterns", "mute", pattern_id)[0] == 0
    _, out, _ = called("patterns", "ls", "--state", "muted")
    assert "Stuck valve" in out
    code, out, _ = called("patterns", "ls", *window)
    assert f"{LINES} of {LINES} lines" in out


def test_what_is_not_there_is_nothing_found(called: Called) -> None:
    assert called("patterns", "show", "0123456789abcdef")[0] == 1
    assert called("incidents", "show", "0123456789abcdef")[0] == 1
    assert called("patterns", "ls", "nosuchwordanywhere")[0] == 1


def test_ask_prints_a_verdict_and_exits_by_it(called: Called) -> None:
    code, out, err = called("ask", "Did the moon fall into the sea?", "--no-llm", "-o", "json")
    answer = json.loads(out)
    assert err == ""
    assert code == (0 if answer["verdict"] == "found" else 1)
    code, out, _ = called("ask", "Was the pool exhausted?")
    assert re.match(r"(found|not found|inconclusive) · confidence \d\.\d\d\n", out)


def test_log_text_cannot_drive_the_terminal(called: Called) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2069\r\x9b31mdone"
    called.served.post_lines([{"message": hostile, "service": "hos\x1b[1mtile"}])
    _, out, _ = called("search", "evil", "--since", "1h")
    assert "\\x1b]0;owned\\x07\\x1b[2J\\u202eevil" in out
    assert not set(out) & set("\x1b\x07\r\x9b\u202e\u2069")
    _, out, _ = called("patterns", "ls", "--since", "1h")
    assert not set(out) & set("\x1b\x07\r\x9b\u202e\u2069")


def test_the_version_is_told(called: Called) -> None:
    code, out, _ = called("--version")
    assert (code, out) == (0, f"dejalog {version('dejalog')}\n")


def test_plain_text_stays_as_it_is() -> None:
    assert plain("日本語 é\n\tline two") == "日本語 é\n\tline two"
    assert one_line("a\nb\tc") == "a\\nb c"


def test_tail_without_a_server_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DEJALOG_URL", raising=False)
    for arguments in (["tail"], ["search", "x"], ["search", "x", "--follow"], ["collect", "/var/log"]):
        code, _, err = run(capsys, monkeypatch, *arguments, "--data-dir", str(tmp_path))
        assert code == 2
        assert "dejalog serve" in err


def test_doctor_tells_what_is_well_and_what_is_not(called: Called, tmp_path: Path) -> None:
    code, out, _ = called("doctor", "-o", "json")
    states = {each["name"]: each["state"] for each in json.loads(out)["checks"]}
    assert (states["python"], states["data directory"], states["server"]) == ("ok", "ok", "ok")
    assert code in {0, 2}
    (tmp_path / "file").touch()
    code, out, _ = called("doctor", "--data-dir", str(tmp_path / "file"), "--url", "http://127.0.0.1:1")
    assert code == 2
    assert "is not a folder" in out
    assert "cannot be reached" in out


def test_a_token_is_new_each_time_and_fits_the_setting(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = called("token")[1].strip(), called("token")[1].strip()
    assert first != second
    monkeypatch.setenv("DEJALOG_TOKEN", first)
    assert called("search", "nosuchwordanywhere")[0] == 1


def test_ingest_into_a_server_stores_each_file_once(called: Called, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "cli-once.log"
    log.parent.mkdir()
    log.write_text("".join(f"2026-01-02T03:04:{number:02d}Z ingested {number}\n" for number in range(30)))
    for _ in range(2):
        code, _, err = called("ingest", str(log.parent), "--no-wait")
        assert (code, err) == (0, "")
    with log.open("a") as file:
        file.write("2026-01-02T03:05:00Z ingested more\n")
    assert called("ingest", str(log.parent))[0] == 0
    _, out, _ = called("search", "ingested", "--from", "2026-01-02", "--to", "2026-01-03", "-n", "0", "-o", "ndjson")
    assert len(out.splitlines()) == 31


def test_ingest_reports_what_this_run_brought(called: Called, tmp_path: Path) -> None:
    first, second = tmp_path / "cli-first.log", tmp_path / "cli-second.log"
    first.write_text("2026-01-02T03:04:05Z brought first\n")
    second.write_text("2026-01-02T03:04:05Z brought by the second\n")
    for path, files, size in ((first, 1, first.stat().st_size), (second, 1, second.stat().st_size), (first, 0, 0)):
        code, out, _ = called("ingest", str(path), "--no-wait")
        assert (code, out.partition(";")[0]) == (0, f"{files} files with something new, {size} bytes")


def test_follow_prints_new_lines(served: Served, tmp_path: Path) -> None:
    environment = {**os.environ, "DEJALOG_URL": served.url, "DEJALOG_DATA_DIR": str(tmp_path)}
    command = [
        sys.executable,
        "-c",
        "from api.cli import main; main()",
        "tail",
        "service:followed",
        "-n",
        "1",
        "-o",
        "ndjson",
    ]
    served.post_lines([{"message": "before", "service": "followed"}])
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as process:
        killer = threading.Timer(60, process.kill)
        killer.start()
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["message"] == "before"
        served.post_lines([{"message": "after", "service": "followed"}])
        assert json.loads(process.stdout.readline())["message"] == "after"
        process.terminate()
        killer.cancel()


def test_collect_ships_what_grows_until_it_is_told_to_stop(served: Served, tmp_path: Path) -> None:
    log = tmp_path / "growing.log"
    log.write_text("2026-01-05T03:04:05Z first of growing\n")
    environment = {**os.environ, "DEJALOG_DATA_DIR": str(tmp_path / "data"), "DEJALOG_SCAN_INTERVAL": "100ms"}
    program = [sys.executable, "-c", "from api.cli import main; main()", "collect", str(log), "--url", served.url]
    tailed = {"query": '"of growing"', "after": str(served.dejalog.store.high_sequence())}
    with subprocess.Popen(program, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        killer = threading.Timer(100, process.kill)
        killer.start()
        with Client(served.url) as client:
            events = (json.loads(data) for _, event, data in client.events("/v1/tail", **tailed) if event == "line")
            assert next(events)["message"].endswith("first of growing")
            with log.open("a") as file:
                file.write("2026-01-05T03:04:06Z second of growing\n")
            assert next(events)["message"].endswith("second of growing")
        process.terminate()
        assert process.wait() == 0
        killer.cancel()


def command(environment: dict[str, str], *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    program = [sys.executable, "-c", "from api.cli import main; main()", *arguments]
    return subprocess.run(
        program, input=stdin, capture_output=True, cwd=ROOT, env=environment, timeout=120, check=False
    )


def test_without_a_server_commands_open_the_directory_themselves(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEJALOG_")}
    environment |= {"DEJALOG_DATA_DIR": str(tmp_path / "data"), "DEJALOG_MIN_FREE_DISK": "1"}
    stdin = b"".join(b"piped line %d\n" % number for number in range(5))
    done = command(environment, "ingest", "-", "--service", "piped", stdin=stdin)
    assert (done.returncode, done.stderr) == (0, b"")
    found = command(environment, "search", "piped", "-o", "ndjson")
    assert (found.returncode, found.stderr) == (0, b"")
    assert [json.loads(line)["service"] for line in found.stdout.splitlines()] == ["piped"] * 5


def test_help_comes_at_once_and_names_every_command() -> None:
    shown = command(dict(os.environ), "--help")
    assert shown.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} ".encode() in shown.stdout
    shows_modules = "import sys; import api.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", shows_modules], capture_output=True, cwd=ROOT, check=True)
    assert not {b"polars", b"fastapi", b"faiss", b"onnxruntime", b"httpx"} & set(loaded.stdout.split())


@pytest.mark.parametrize("arguments", [(), ("patterns",), ("incidents",)], ids=str)
def test_a_group_without_a_command_shows_its_help(called: Called, arguments: tuple[str, ...]) -> None:
    code, out, err = called(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: dejalog")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(called: Called, name: str) -> None:
    code, out, _ = called(name, "--help")
    assert code == 0
    assert len(out.splitlines()) > 3
