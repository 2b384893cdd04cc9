import re
from pathlib import Path

import pytest

from api import reference
from api.keepers import open_keepers
from api.setting_text import Address, read_address, read_duration, read_size
from api.settings import known_settings, read_settings
from ingest.errors import SettingError

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_without_anything_set_the_server_is_local_and_keeps_thirty_days() -> None:
    settings = read_settings({}, {})
    assert str(settings.server.listen) == "127.0.0.1:8900"
    assert settings.store.retention == 30 * 86400
    assert settings.store.max_disk is None


def test_a_flag_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dejalog.toml"
    file.write_text('retention = "3d"\nzone = "+08:00"\nhost = "file"\n')
    environment = {"DEJALOG_CONFIG": str(file), "DEJALOG_RETENTION": "2d", "DEJALOG_HOST": "environment"}
    settings = read_settings({"host": "flag", "zone": None}, environment)
    assert settings.collect.host == "flag"
    assert settings.store.retention == 2 * 86400
    assert settings.collect.zone == "+08:00"


def test_paths_come_as_a_list_in_the_file_and_with_commas_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "dejalog.toml"
    file.write_text('collect = ["/a", "/b"]\n')
    assert read_settings({}, {}, config=file).collect.collect == ("/a", "/b")
    assert read_settings({}, {"DEJALOG_COLLECT": "/a, /b"}).collect.collect == ("/a", "/b")
    assert read_settings({"collect": ["/a", "/b"]}, {}).collect.collect == ("/a", "/b")


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret-token-of-mine\n")
    settings = read_settings({}, {"DEJALOG_TOKEN_FILE": str(tmp_path / "token"), "DEJALOG_LISTEN": "0.0.0.0:80"})
    assert settings.server.token == "s3cret-token-of-mine"
    assert settings.server.listen == Address("0.0.0.0", 80)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read_settings({}, {"DEJALOG_TOKEN": "", "DEJALOG_RETENTION": ""}) == read_settings({}, {})


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"DEJALOG_RETENSION": "1d"}, "DEJALOG_RETENSION is not a setting; accepted are DEJALOG_LISTEN"),
        ({"DEJALOG_RETENTION": "soon"}, "DEJALOG_RETENTION: 'soon' is not accepted"),
        ({"DEJALOG_RETENTION": "0d"}, "longer than nothing"),
        ({"DEJALOG_MAX_DISK": "10 parsecs"}, "a size is written like 10GB"),
        ({"DEJALOG_LISTEN": "localhost"}, "is not a port"),
        ({"DEJALOG_LISTEN": "0.0.0.0:8900"}, "needs a token"),
        ({"DEJALOG_STORE": "mongo"}, "embedded or elasticsearch"),
        ({"ELASTICSEARCH_URL": "ftp://x"}, "http://host:port"),
        ({"DEJALOG_ELASTICSEARCH_PREFIX": "-Upper"}, "small letters"),
        ({"DEJALOG_ELASTICSEARCH_REPLICAS": "-1"}, "a whole number from 0"),
        ({"DEJALOG_ZONE": "Mars/Olympus"}, "no such time zone"),
        ({"DEJALOG_TOKEN_FILE": "/does/not/exist"}, "cannot be read"),
        ({"DEJALOG_NOTIFY_URL_FILE": "/dev/null"}, "which is empty"),
        ({"DEJALOG_TOKEN_FILE": "/x", "DEJALOG_TOKEN": "y"}, "keep one"),
        ({"DEJALOG_CONFIG": "/does/not/exist"}, "cannot be read"),
    ],
    ids=str,
)
def test_what_is_not_accepted_is_told_with_what_is(environment: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError, match=re.escape(told)):
        read_settings({}, environment)


@pytest.mark.parametrize(
    ("content", "told"),
    [("retension = 1", "is not a setting"), ("[store]\nx = 1", "is a table"), ("a = = 1", "is not TOML")],
)
def test_a_file_with_an_unknown_name_stops_the_start(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "dejalog.toml"
    file.write_text(content)
    with pytest.raises(SettingError, match=told):
        read_settings({}, {}, config=file)


def test_a_secret_is_never_repeated_in_a_message() -> None:
    with pytest.raises(SettingError) as caught:
        read_settings({}, {"DEJALOG_TOKEN": "with blanks in it"})
    assert "blanks in it" not in str(caught.value).replace("no blanks", "")


def test_other_programs_variables_are_left_alone() -> None:
    assert read_settings({}, {"PATH": "/bin", "OPENAI_ORG_ID": "x"}) == read_settings({}, {})


def test_elasticsearch_without_an_address_is_told_before_anything_opens(tmp_path: Path) -> None:
    settings = read_settings({}, {"DEJALOG_STORE": "elasticsearch"})
    with pytest.raises(SettingError, match="ELASTICSEARCH_URL is not set"), open_keepers(settings, tmp_path):
        raise AssertionError("it opened")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2592000), ("1h30m", 5400), ("500ms", 0.5), ("1.5h", 5400), ("2W", 1209600)]
)
def test_durations(text: str, seconds: float) -> None:
    assert read_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("10GB", 10**10), ("512MiB", 512 << 20), ("1k", 1024), ("4096", 4096), ("1.5 GiB", 3 << 29)]
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize(
    ("text", "address", "is_loopback"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("localhost:1", "localhost:1", True),
        ("[::1]:1", "[::1]:1", True),
        ("8900", "127.0.0.1:8900", True),
        (":8900", "0.0.0.0:8900", False),
        ("[::]:8900", "[::]:8900", False),
        ("logs.example:80", "logs.example:80", False),
    ],
)
def test_addresses(text: str, address: str, is_loopback: bool) -> None:
    read = read_address(text)
    assert str(read) == address
    assert read.is_loopback is is_loopback


def test_no_name_is_used_by_two_groups() -> None:
    names = [each.name for each in known_settings()]
    assert len(names) == len(set(names))
    assert "retention" in names


@pytest.mark.parametrize("page", ["settings", "http", "cli"])
def test_the_reference_pages_are_current(page: str) -> None:
    made = {"settings": reference.settings_page, "http": reference.http_page, "cli": reference.cli_page}[page]()
    hint = "run `python -m api.reference docs/reference`"
    assert (REFERENCE / f"{page}.md").read_text(encoding="utf-8") == made, hint
