"""Post-mortems and runbooks beside the lines: of faults of the simulated shop, imported by the command line."""

import dataclasses
import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from api import cli
from api.compose import Dejalog, open_dejalog
from api.document_match import match_incidents, match_patterns, named_services
from api.document_read import MOST_CHARACTERS, read_document
from api.document_time import Told, window_of
from api.mcp_reply import answer_of
from api.mcp_text import OPEN, told
from api.time_text import format_time, parse_time
from index.incident import Incident
from ingest.errors import InputError
from tests.api.conftest import serving, settings_for
from tests.page.shop import fill

WRITTEN = Path(__file__).parent / "documents"
MINUTE = 60_000_000_000


def clock(time_ns: int, hours: int = 0) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_ns // 10**9, tz=dt.UTC) + dt.timedelta(hours=hours)


@dataclasses.dataclass(frozen=True)
class Shop:
    """A server over the simulated shop, the folder of documents about its faults, and the incident of each."""

    dejalog: Dejalog
    http: httpx.Client
    url: str
    folder: Path
    of: dict[str, Incident]

    def ask(self, question: str, incident: Incident | None = None, **more: Any) -> dict[str, Any]:
        span = {}
        if incident is not None:
            span = {
                "start": format_time(incident.start_ns - 5 * MINUTE),
                "end": format_time(incident.end_ns + 5 * MINUTE),
            }
        reply = self.http.post("/v1/ask", json={"question": question, **span, **more})
        assert reply.status_code == 200, reply.text
        content: dict[str, Any] = reply.json()
        return content

    def notes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/v1/notes").json()["notes"]
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        open_dejalog(settings_for(tmp_path_factory.mktemp("documented"))) as dejalog,
        serving(dejalog) as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False) as http,
    ):
        fill(dejalog, tmp_path_factory.mktemp("shop"), seed=7, days=3, lines=30_000)
        incidents = sorted(dejalog.generation().incidents, key=lambda each: each.start_ns)
        kinds = {
            name: next(each for each in incidents if kind in each.kinds)
            for name, kind in (("avalanche.zh.md", "avalanche"), ("memory.md", "restart"), ("deploy.md", "deploy"))
        }
        others = [each for each in incidents if each not in kinds.values() and "avalanche" not in each.kinds]
        kinds["pool.md"] = others[0]
        yield Shop(dejalog, http, url, tmp_path_factory.mktemp("post-mortems"), kinds)


def write(shop: Shop) -> None:
    """The documents, with the times and names of the faults that this shop had."""
    (shop.folder / "2026").mkdir(exist_ok=True)
    patterns = shop.dejalog.generation().patterns.patterns
    quoted = str(patterns.filter(pl.col("template").str.contains("over its rate limit"))["example"][0])
    for file in WRITTEN.glob("*.md"):
        text = file.read_text("utf-8")
        incident = shop.of.get(file.name)
        if incident is not None:
            hours = 8 if ".zh" in file.name else 0
            start, end = clock(incident.start_ns, hours), clock(incident.end_ns, hours)
            values = {
                "start": format_time(incident.start_ns),
                "end": format_time(incident.end_ns),
                "date": f"{start.year}年{start.month}月{start.day}日" if hours else f"{start:%Y-%m-%d}",
                "start_clock": f"{start:%H:%M}",
                "end_clock": f"{end:%H:%M}",
                "service": incident.services[0],
                "incident_id": incident.incident_id,
            }
            for name, value in values.items():
                text = text.replace("{" + name + "}", value)
        text = text.replace("{quoted}", quoted).replace("{quoted_part}", "over its rate limit")
        (shop.folder / "2026" / file.name).write_text(text, "utf-8")


@pytest.fixture
def imported(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> "Imported":
    monkeypatch.setenv("DEJALOG_DATA_DIR", str(tmp_path / "none"))
    return Imported(shop, capsys, monkeypatch)


class Imported:
    """Calls `dejalog incidents import`."""

    def __init__(self, shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        write(shop)

    def __call__(self, *arguments: str, folder: Path | None = None) -> tuple[int, str, str]:
        where = str(folder or self.shop.folder)
        command = ["dejalog", "incidents", "import", where, "--url", self.shop.url, *arguments]
        self._monkeypatch.setattr(sys, "argv", command)
        code = cli.run()
        out, err = self._capsys.readouterr()
        return code, out, err

    def documents(self, *arguments: str) -> dict[str, dict[str, Any]]:
        code, out, err = self(*arguments, "-o", "json")
        assert (code, err) == (0, "")
        return {Path(each["source"]).name: each for each in json.loads(out)["documents"]}


def test_a_dry_run_says_what_each_speaks_of_and_why_and_keeps_nothing(imported: Imported) -> None:
    shop = imported.shop
    before = shop.notes()
    found = imported.documents("--dry-run")
    for name, incident in shop.of.items():
        assert incident.incident_id in [each["target"] for each in found[name]["matches"]], (name, found[name])
        assert found[name]["kind"] == "post-mortem"
    assert "it names this id" in found["deploy.md"]["matches"][0]["why"]
    assert shop.of["pool.md"].services[0] in found["pool.md"]["matches"][0]["why"]
    assert "times are 北京时间" in found["avalanche.zh.md"]["window"]["why"]
    assert found["runbook.md"]["kind"] == "runbook"
    assert "over its rate limit" in found["runbook.md"]["matches"][0]["why"]
    assert found["unplaced.md"]["matches"] == []
    assert shop.notes() == before


def test_an_answer_tells_cause_and_fix_and_from_which_document_beside_the_lines(imported: Imported) -> None:
    shop = imported.shop
    assert imported()[0] == 0
    answer = shop.ask("What went wrong?", shop.of["pool.md"])
    (cause,) = [each for each in answer["claims"] if each["text"].startswith("Cause")]
    title = "“Sign-ins failed for want of connections” (" + shop.folder.name + "/2026/pool.md)"
    assert cause["text"].startswith(f"Cause, as noted in {title}: “A report was started by hand")
    assert cause["citations"]
    assert any(
        each["text"].startswith(f"Fix, as noted in {title}: “The report was killed") for each in answer["claims"]
    )
    quoted = {each["source"]: each for each in answer["documents"]}[f"{shop.folder.name}/2026/pool.md"]
    assert (quoted["title"], quoted["is_quoted"]) == ("Sign-ins failed for want of connections", True)
    assert answer["dropped_claims"] == 0

    answer = shop.ask("出了什么问题?", shop.of["avalanche.zh.md"])
    said = "".join(each["text"] for each in answer["claims"])
    assert f"据记录(见“前台服务雪崩复盘”,{shop.folder.name}/2026/avalanche.zh.md),原因:“下游语句超时没有上限" in said
    assert "处理办法:“临时关闭重试" in said


def test_importing_again_changes_nothing_and_a_changed_file_takes_its_own_place(imported: Imported) -> None:
    shop = imported.shop
    imported()
    before = shop.notes()
    assert {each["outcome"] for each in imported.documents().values()} == {"unchanged"}
    assert shop.notes() == before
    changed = shop.folder / "2026" / "pool.md"
    changed.write_text(changed.read_text("utf-8").replace("raised to 50", "raised to 80"), "utf-8")
    asked_ns = max(parse_time(each["time"], now_ns=0) for each in before) + 1
    found = imported.documents()
    assert {name: each["outcome"] for name, each in found.items() if each["outcome"] != "unchanged"} == {
        "pool.md": "replaced"
    }
    fixes = [each["fix"] for each in shop.notes() if each["source"].endswith("/pool.md")]
    assert len(fixes) == 1
    assert "raised to 80" in fixes[0]
    then = shop.ask("What went wrong?", shop.of["pool.md"], as_of=format_time(asked_ns))
    assert "raised to 50" in then["answer"]


def test_what_was_imported_later_is_hidden_from_an_earlier_as_of(imported: Imported) -> None:
    shop = imported.shop
    imported()
    first_ns = min(parse_time(each["time"], now_ns=0) for each in shop.notes())
    answer = shop.ask("What went wrong?", shop.of["pool.md"], as_of=format_time(first_ns))
    assert ("documents" in answer, "as noted" in answer["answer"]) == (False, False)


def test_a_document_of_no_known_incident_is_pointed_to_and_makes_no_claim(imported: Imported) -> None:
    shop = imported.shop
    imported()
    answer = shop.ask("Did the certificate of the wiki expire?")
    (document,) = answer["documents"]
    assert (document["title"], document["is_quoted"]) == ("The certificate of the wiki expired", False)
    assert document["text"].startswith("The wiki could not be reached")
    assert "wiki" not in " ".join(each["text"] for each in answer["claims"])
    assert answer["verdict"] != "found"
    assert "documents" not in shop.ask("Did the moon fall down?")


def test_an_assistant_is_told_of_documents_too(imported: Imported) -> None:
    imported()
    found = answer_of(imported.shop.ask("Did the certificate of the wiki expire?"))
    (document,) = found.documents
    assert document.startswith("The certificate of the wiki expired (")
    assert f"Documents that speak of it:\n- {OPEN}The certificate of the wiki expired (" in told(found)


def test_a_runbook_is_told_where_its_pattern_is(imported: Imported) -> None:
    shop = imported.shop
    imported()
    (note,) = [each for each in shop.notes() if each["source"].endswith("/runbook.md")][:1]
    pattern = shop.http.get(f"/v1/patterns/{note['target']}").json()["pattern"]
    assert "over its rate limit" in pattern["template"]
    assert "raise its limit for a day" in pattern["notes"][-1]["runbook"]
    answer = shop.ask("How often was a client over its rate limit?", start="30d")
    assert any(
        "Runbook, as noted in “Runbook: rate limits at the front door”" in each["text"] for each in answer["claims"]
    )


def test_markup_of_a_document_is_left_out(imported: Imported) -> None:
    imported()
    notes = [each for each in imported.shop.notes() if each["source"].endswith("/memory.md")]
    text = json.dumps(notes, ensure_ascii=False)
    assert "the price list is read whole into memory" in notes[0]["cause"]
    assert "read in pages since" in notes[0]["fix"]
    assert "See the chart of that day." in notes[0]["text"]
    for part in ("script", "evil.example", "onerror", "\u202e"):
        assert part not in text


def test_files_that_are_no_documents_are_told_and_stop_no_others(imported: Imported, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    (folder / "more").mkdir(parents=True)
    (tmp_path / "outside.md").write_text("# outside")
    (folder / "link.md").symlink_to(tmp_path / "outside.md")
    (folder / "loop.md").symlink_to(folder / "loop.md")
    (folder / "binary.md").write_bytes(b"# x\n\x00\x01")
    (folder / "gb.md").write_bytes("# 复盘:数据库故障".encode("gb18030"))
    (folder / "huge.md").write_bytes(b"x" * ((1 << 20) + 1))
    (folder / "long.md").write_text("x " * MOST_CHARACTERS)
    (folder / "empty.md").write_text("\n \n")
    (folder / "front.md").write_text("---\nstart: soon\n---\n# Title\n\ntext\n")
    (folder / "more" / "dir.md").mkdir()
    (folder / "more" / "good.md").write_bytes(b"\xef\xbb\xbf# Printers on fire\r\n\r\n## Fix\r\nWater.\r\n")
    (folder / "notes.txt").write_text("not read")
    code, out, err = imported(folder=folder)
    assert code == 2
    assert "1 kept, 9 refused" in out
    why = {line.split(": ")[1].rpartition("/")[2]: line for line in err.splitlines()}
    assert "leads out of the folder" in why["link.md"]
    assert "holds NUL" in why["binary.md"]
    assert "iconv -f GB18030 -t UTF-8" in why["gb.md"]
    assert "longer than" in why["huge.md"]
    assert "too long" in why["long.md"]
    assert "is empty" in why["empty.md"]
    assert "'soon' is not a time" in why["front.md"]
    assert "is no file" in why["dir.md"]
    assert "loop.md" in err
    (note,) = [each for each in imported.shop.notes() if each["source"] == "mixed/more/good.md"]
    assert (note["fix"], note["target"]) == ("Water.", "document:mixed/more/good.md")


def test_a_folder_without_documents_and_none_at_all_are_told_apart(imported: Imported, tmp_path: Path) -> None:
    assert imported(folder=tmp_path)[0] == 1
    code, _, err = imported(folder=tmp_path / "nowhere")
    assert (code, "is no folder" in err) == (2, True)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("# x\n\nStart: 2026-03-01 10:00 UTC\n\nEnd: 2026-03-01 10:45 UTC", "2026-03-01T10:00Z", "2026-03-01T10:45Z"),
        (
            "# x\n\nStarted at 2026-03-01T10:00:30+02:00.\n\nDuration: 1 h 5 min",
            "2026-03-01T08:00:30Z",
            "2026-03-01T09:05:30Z",
        ),
        ("# Outage 2026-03-01\n\n- 10:00 PST first alert\n- 10:20 PST over", "2026-03-01T18:00Z", "2026-03-01T18:20Z"),
        (
            "# 故障\n\n开始时间:2026年3月1日 10:00\n\n持续时间:40分钟\n\n时区:北京时间",
            "2026-03-01T02:00Z",
            "2026-03-01T02:40Z",
        ),
        (
            "# x\n\n| time (CST) | 事件 |\n|-|-|\n| 2026-03-01 10:00 CST | 报警 |\n| 10:30 CST | 恢复 |",
            "2026-03-01T02:00Z",
            "2026-03-01T02:30Z",
        ),
        ("---\nstart: 2026-03-01T10:00:00Z\n---\n# x\n\nDuration: 2 hours", "2026-03-01T10:00Z", "2026-03-01T12:00Z"),
        ("# x\n\nAll times are in UTC.\n\nOn 2026-03-01 at 10:00 it broke.", "2026-03-01T10:00Z", "2026-03-01T10:01Z"),
    ],
    ids=[
        "start and end",
        "offset and duration",
        "clock times of a day",
        "chinese",
        "china's CST",
        "in front",
        "one time",
    ],
)
def test_when_it_was_is_read_from_the_text(text: str, start: str, end: str) -> None:
    window = window_of(read_document("d/x.md", text))
    assert window is not None
    assert (format_time(window.start_ns), format_time(window.end_ns)) == tuple(
        format_time(parse_time(each, now_ns=0)) for each in (start, end)
    )


@pytest.mark.parametrize(
    "text",
    ["# x\n\nno time", "# x\n\nat 10:00", "# x\n\n2026-02-31 10:00", "# x\n\n2026-01-01 10:00 and 2026-03-01 10:00"],
    ids=["none", "no day", "no such day", "far apart"],
)
def test_a_text_that_does_not_say_when_has_no_window(text: str) -> None:
    assert window_of(read_document("d/x.md", text)) is None


def test_clock_times_without_a_zone_are_of_the_zone_that_is_set() -> None:
    window = window_of(read_document("d/x.md", "# x\n\nStart: 2026-03-01 10:00"), zone_minutes=480)
    assert window is not None
    assert format_time(window.start_ns) == "2026-03-01T02:00:00.000Z"


def test_services_are_named_by_code_by_front_matter_and_by_names_that_are_no_words() -> None:
    text = "---\nservices:\n  - Billing\n---\n# x\n\n"
    text += "The cart was full; `cart-db` and login-2 too. The payment service failed."
    known = ("billing", "cart", "cart-db", "login-2", "payment")
    assert named_services(read_document("x.md", text), known) == ("billing", "cart-db", "login-2", "payment")


def test_an_incident_far_away_or_of_other_services_is_not_spoken_of() -> None:
    document = read_document("x.md", "# x")

    def found(start_ns: int, *services: str) -> list[str]:
        incident = Incident("ab" * 8, "t", 100 * MINUTE, 110 * MINUTE, "minor", ("cart",), (), (), (), (), (), 1)
        window = Told(start_ns, start_ns + 5 * MINUTE, "")
        return [each.target for each in match_incidents(document, window, services, [incident])]

    assert found(100 * MINUTE, "cart") == ["ab" * 8]
    assert found(119 * MINUTE, "cart") == ["ab" * 8]
    assert found(121 * MINUTE, "cart") == []
    assert found(100 * MINUTE, "payment") == []
    assert found(100 * MINUTE) == []


def test_a_pattern_is_quoted_by_a_long_stretch_of_it_in_code_alone() -> None:
    templates = {"aa": "connection to <*> refused by the peer", "bb": "done <*>"}
    quoted = read_document("x.md", "# x\n\n```\nERROR connection to db-7 refused by  the peer\ndone 5\n```")
    assert [each.target for each in match_patterns(quoted, templates)] == ["aa"]
    assert match_patterns(read_document("x.md", "# x\n\nrefused by the peer"), templates) == []


def test_front_matter_that_cannot_be_read_is_told() -> None:
    for text in ("+++\na = \n+++\n# x", "---\n{deep: [}\n---\n# x"):
        with pytest.raises(InputError, match="front matter"):
            read_document("x.md", text)
