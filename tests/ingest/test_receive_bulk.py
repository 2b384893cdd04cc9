import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import InputError
from ingest.receive_bulk import BulkItem, group_bulk, service_of_index, split_bulk

FILEBEAT = (
    b'{"create":{"_index":"filebeat-9.5.0"}}\n{"message":"a","log":{"offset":1,"file":{"inode":"7"}}}\n\n'
    b'{"create":{"_index":"filebeat-9.5.0"}}\n{"message":"b","log":{"offset":9,"file":{"inode":"7"}}}\n\n'
)
RSYSLOG = b'{"index":{"_index": "logs-rsyslog","_type":"_doc"}}\n{"message":"a"}\n\n'
FLUENT_BIT = (
    b'{"create":{"_index":"fluent-bit","_id":"0-1"}}\n{"log":"a"}\n{"create":{"_index":"x","_id":"2"}}\n{"log":"b"}\n'
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (FILEBEAT, [("create", "filebeat-9.5.0", None)] * 2),
        (RSYSLOG, [("index", "logs-rsyslog", None)]),
        (FLUENT_BIT, [("create", "fluent-bit", "0-1"), ("create", "x", "2")]),
        (b'{"index":{"_id":5}}\r\n{}\r\n', [("index", "named", "5")]),
        (b'{"delete":{"_id":"1"}}\n{"index":{}}\n{"index":{}}\n', [("delete", "named", "1"), ("index", "named", None)]),
        (b'{"update":{"_id":"1"}}\n{"doc":{}}', [("update", "named", "1")]),
        (b"", []),
        (b"\n \n", []),
    ],
    ids=["filebeat", "rsyslog", "fluent bit", "carriage returns", "delete", "no last line feed", "empty", "blank"],
)
def test_what_shippers_send_is_read(body: bytes, expected: list[tuple[str, str, str | None]]) -> None:
    items = split_bulk(body, "named")
    assert [(item.operation, item.index, item.id) for item in items] == expected
    assert all((item.document is None) == (item.operation == "delete") for item in items)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"index":{}}\n', "without its document"),
        (b'{"index":{}}\n{}\n{"index":{}}\n', "without its document"),
        (b"hello\nworld\n", "line 1"),
        (b'{"index":{}}\n{}\nno action\n{}\n', "line 3"),
        (b'{"upsert":{}}\n{}\n', "no action"),
        (b'{"index":{},"create":{}}\n{}\n', "no action"),
        (b'{"index":5}\n{}\n', "no action"),
    ],
    ids=["cut short", "cut later", "text", "text later", "unknown", "two in one", "no object"],
)
def test_what_is_not_in_the_format_is_refused_whole(body: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        split_bulk(body)


documents = st.binary(min_size=1, max_size=30).filter(lambda text: b"\n" not in text and bool(text.strip()))
actions = st.tuples(st.sampled_from(["create", "index", "delete", "update"]), st.sampled_from(["a", "b"]), documents)


@given(st.lists(actions, max_size=12), st.lists(st.sampled_from([b"", b"\n", b" \r\n"]), min_size=12, max_size=12))
def test_every_document_comes_out_as_it_went_in(sent: list[tuple[str, str, bytes]], blanks: list[bytes]) -> None:
    body = b""
    for (operation, index, document), blank in zip(sent, blanks, strict=False):
        body += orjson.dumps({operation: {"_index": index}}) + b"\n" + blank
        body += b"" if operation == "delete" else document + b"\n" + blank
    items = split_bulk(body)
    assert [(item.operation, item.index) for item in items] == [(operation, index) for operation, index, _ in sent]
    assert [item.document for item in items] == [None if row[0] == "delete" else row[2] for row in sent]
    groups = group_bulk(items)
    stored = sorted(place for group in groups for place in group.places)
    assert stored == [at for at, row in enumerate(sent) if row[0] in {"create", "index"}]
    assert all(items[place].index == group.index for group in groups for place in group.places)


def key(*items: BulkItem) -> str:
    [group] = group_bulk(items)
    return group.idempotency_key


def test_only_documents_that_say_who_they_are_make_a_request_repeatable() -> None:
    assert key(*split_bulk(FILEBEAT))
    assert not key(*split_bulk(RSYSLOG))
    named, other = (BulkItem("create", "x", text, b"{}") for text in "12")
    unnamed = BulkItem("create", "x", None, b"{}")
    assert key(named) == key(named) != key(other)
    assert key(named, other) != key(other, named)
    assert not key(named, unnamed)


@pytest.mark.parametrize(
    ("index", "service"),
    [
        ("filebeat-9.5.0", "filebeat"),
        ("filebeat-9.5.0-2026.11.25", "filebeat"),
        ("logstash-2026.11.25", "logstash"),
        ("shop_20261125", "shop"),
        ("shop-2026-11", "shop"),
        (".ds-logs-nginx-default-2026.11.25-000001", "logs-nginx-default"),
        ("checkout", "checkout"),
        ("payment-v2", "payment-v2"),
        ("s3-5", "s3-5"),
        ("", ""),
    ],
)
def test_the_service_of_an_index_has_no_date_and_no_version(index: str, service: str) -> None:
    assert service_of_index(index) == service
