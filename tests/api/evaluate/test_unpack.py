"""Archives of logs, unpacked where they belong and nowhere else."""

import io
import tarfile
from pathlib import Path

import pytest

from api.evaluate.incidents_world import ARCHIVE, container_logs
from api.evaluate.unpack import unpack
from ingest.errors import InputError


def pack(archive: Path, **named: str | None) -> None:
    """With these files; None makes a link to the folder above."""
    with tarfile.open(archive, "w:xz") as packed:
        for name, content in named.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, ".."
                packed.addfile(member)
            else:
                member.size = len(content)
                packed.addfile(member, io.BytesIO(content.encode()))


def test_logs_come_out_of_the_archive_beside_the_labels(tmp_path: Path) -> None:
    pack(tmp_path / ARCHIVE, **{"containers/b.log": "two\n", "containers/a.log": "one\n", "notes.txt": "no log"})
    with container_logs(tmp_path) as files:
        assert [(file.name, file.read_text()) for file in files] == [("a.log", "one\n"), ("b.log", "two\n")]


@pytest.mark.parametrize("name", ["../out.log", "/out.log", "containers/../../out.log"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_written_there(tmp_path: Path, name: str) -> None:
    into = tmp_path / "in"
    into.mkdir()
    pack(tmp_path / ARCHIVE, **{name: "hostile"})
    with pytest.raises(InputError, match="leads out"):
        unpack(tmp_path / ARCHIVE, into)
    assert not (tmp_path / "out.log").exists()
    assert not Path("/out.log").exists()


def test_links_are_left_out(tmp_path: Path) -> None:
    into = tmp_path / "in"
    into.mkdir()
    pack(tmp_path / ARCHIVE, **{"up": None, "a.log": "one"})
    unpack(tmp_path / ARCHIVE, into)
    assert [path.name for path in into.iterdir()] == ["a.log"]
