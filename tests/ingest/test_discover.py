"""One entry for each real file, whatever leads to it."""

import os
from pathlib import Path

import pytest

from ingest.discover import Scan, scan

ID = "0123456789abcdef" * 4


def names(found: Scan, top: Path) -> list[str]:
    return [str(Path(file.path).relative_to(top)) for file in found.files]


def write(path: Path, text: str = "x\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_folders_are_read_with_all_that_is_in_them_but_what_is_no_log(tmp_path: Path) -> None:
    for name in ["a.log", "b/c.log", "b/d/e.txt", ".hidden", "b/.git/x.log", "wtmp", "s.journal", "a.log.2.gz"]:
        write(tmp_path / name)
    found = scan([str(tmp_path)])
    assert names(found, tmp_path) == ["a.log", "b/c.log", "b/d/e.txt"]
    assert set(found.skipped.values()) == {"not_text", "compressed"}


def test_patterns_reach_into_subfolders(tmp_path: Path) -> None:
    for name in ["a.log", "b/c.log", "b/d/e.log", "b/d/e.txt"]:
        write(tmp_path / name)
    assert names(scan([str(tmp_path / "**" / "*.log")]), tmp_path) == ["a.log", "b/c.log", "b/d/e.log"]
    assert names(scan([str(tmp_path / "b" / "?.log")]), tmp_path) == ["b/c.log"]


def test_a_chain_of_links_makes_one_entry_under_the_name_that_says_most(tmp_path: Path) -> None:
    real = write(tmp_path / "docker" / ID / f"{ID}-json.log")
    pod = tmp_path / "pods" / "shop_cart-0_uid" / "server" / "0.log"
    link = tmp_path / "containers" / f"cart-0_shop_server-{ID}.log"
    for path, target in [(pod, real), (link, pod)]:
        path.parent.mkdir(parents=True)
        path.symlink_to(target)
    rotated = write(Path(f"{real}.1"))
    found = scan([str(tmp_path / "docker"), str(tmp_path / "containers"), str(tmp_path / "pods")])
    assert [(file.path, file.followed) for file in found.files] == [
        (str(link), str(link)),
        (str(rotated), str(link)),
    ]


def test_a_rotated_sibling_behind_a_link_comes_along_but_was_not_asked_for(tmp_path: Path) -> None:
    real = write(tmp_path / "pods" / "0.log")
    sibling = write(tmp_path / "pods" / "0.log.20260101-120000")
    write(tmp_path / "pods" / "1.log")
    (tmp_path / "link.log").symlink_to(real)
    found = scan([str(tmp_path / "link.log")])
    assert [(file.path, file.in_pattern) for file in found.files] == [
        (str(tmp_path / "link.log"), True),
        (str(sibling), False),
    ]
    assert {file.followed for file in found.files} == {str(tmp_path / "link.log")}


def test_links_that_lead_nowhere_or_in_circles_are_reported_and_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path / "a.log")
    (tmp_path / "dangling.log").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.log").symlink_to(tmp_path / "loop.log")
    (tmp_path / "up").symlink_to(tmp_path)
    found = scan([str(tmp_path), str(tmp_path / "none.log")])
    assert names(found, tmp_path) == ["a.log"]
    assert found.skipped == {
        str(tmp_path / "dangling.log"): "dangling_link",
        str(tmp_path / "loop.log"): "link_loop",
        str(tmp_path / "none.log"): "missing",
    }


@pytest.mark.parametrize("name", ["a[1].log", "what?.log"])
def test_a_file_whose_name_looks_like_a_pattern_is_found(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert names(scan([str(tmp_path / name)]), tmp_path) == [name]


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    assert scan([str(tmp_path)]).skipped == {str(tmp_path / "pipe.log"): "not_a_file"}
