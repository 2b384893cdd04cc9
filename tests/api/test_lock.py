import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.lock import FILE_NAME, DataDirLock, owner_address
from ingest.errors import LockedError, SettingError

HOLDER = """
import sys, pathlib
from api.lock import DataDirLock
lock = DataDirLock(pathlib.Path(sys.argv[1]), address=sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_owner_is_told_where_the_first_one_listens(tmp_path: Path) -> None:
    with DataDirLock(tmp_path, address="127.0.0.1:8900"), pytest.raises(LockedError) as caught:
        DataDirLock(tmp_path)
    assert caught.value.address == "127.0.0.1:8900"
    assert str(os.getpid()) in str(caught.value)


def test_the_owner_of_another_process_is_found_and_gone_once_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "127.0.0.1:1234"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert owner_address(tmp_path) == "127.0.0.1:1234"
        holder.kill()
        holder.wait()
    assert (tmp_path / FILE_NAME).read_text() != ""
    assert owner_address(tmp_path) is None
    DataDirLock(tmp_path).close()


def test_an_owner_that_does_not_listen_is_told_apart_from_none(tmp_path: Path) -> None:
    assert owner_address(tmp_path) is None
    with DataDirLock(tmp_path):
        assert owner_address(tmp_path) == ""
    assert owner_address(tmp_path) is None


def test_a_stale_or_damaged_file_is_harmless(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b'{"pid": 1, "address": "10.0.0.1:1"\xff')
    assert owner_address(tmp_path) is None
    with DataDirLock(tmp_path, address="127.0.0.1:1"):
        assert owner_address(tmp_path) == "127.0.0.1:1"


def test_a_data_directory_that_is_a_file_is_a_bad_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot be used"):
        DataDirLock(tmp_path / "file" / "below")
