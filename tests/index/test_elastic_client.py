"""The connection to Elasticsearch: whose word it takes that the server is the right one."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from index.elastic_client import Elastic
from ingest.errors import RefusedError, SettingError
from tests.real.tls_relay import tls_relay


def health_at(url: str, ca: Path | None) -> object:
    client = Elastic(url, ca=ca)
    try:
        return client.request("GET", "/_cluster/health")["status"]
    finally:
        client.close()


def test_https_is_spoken_with_a_server_whose_certificate_is_named_and_with_no_other(
    elastic_url: str, tmp_path: Path
) -> None:
    port = urlsplit(elastic_url).port
    assert port
    with tls_relay(port, tmp_path) as (url, certificate):
        assert health_at(url, certificate) in {"green", "yellow"}
        with pytest.raises(RefusedError, match="certificate"):
            health_at(url, None)


def test_certificates_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("", "utf-8")
    for name in ("absent.pem", "empty.pem"):
        with pytest.raises(SettingError, match=name):
            Elastic("https://127.0.0.1:9", ca=tmp_path / name)


def test_an_address_that_is_none_is_told_without_its_password() -> None:
    for url in ("http://elastic:sec/ret@127.0.0.1:9200", "127.0.0.1:9200", "http://127.0.0.1:port"):
        with pytest.raises(SettingError, match="an address of Elasticsearch is not one") as refused:
            Elastic(url)
        assert "ret" not in str(refused.value)
        assert refused.value.__context__ is None or refused.value.__suppress_context__
