import pytest

from tests.api.conftest import LINES, Served

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def total(served: Served, body: bytes, headers: dict[str, str], **address: str) -> object:
    reply = served.http.post("/v1/search", content=body, headers=headers, params=address)
    assert reply.status_code == 200, reply.text
    return reply.json()["total"]


@pytest.mark.parametrize("headers", [FORM, {}, {"Content-Type": "text/plain; charset=utf-8"}, JSON])
def test_a_json_body_is_read_whatever_its_content_type(served: Served, headers: dict[str, str]) -> None:
    reply = served.http.post("/v1/ask", content=b'{"question": "Was the pool exhausted?"}', headers=headers)
    assert (reply.status_code, reply.json().get("verdict") in {"found", "not_found", "inconclusive"}) == (200, True)
    body = b'{"text": "it helped", "target": "no such id"}'
    for path in ("/v1/notes", "/v1/incidents/similar", "/v1/patterns/0000000000000000/edits"):
        error = served.http.post(path, content=body, headers=headers).json()["error"]
        assert "Content-Type" not in error["message"] + error["hint"]


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/search", "/v1/notes", "/v1/incidents/similar"])
@pytest.mark.parametrize("body", [b"{'question': 1}", b'["x"]', b'{"question": "x"'])
def test_what_is_neither_json_nor_a_form_is_refused_with_the_content_type(
    served: Served, path: str, body: bytes
) -> None:
    reply = served.http.post(path, content=body, headers=FORM)
    assert reply.status_code == 400
    assert FORM["Content-Type"] in reply.json()["error"]["message"]
    assert "Content-Type: application/json" in reply.json()["error"]["hint"]


def test_a_search_takes_a_form(served: Served, shop: dict[str, str]) -> None:
    body = f"query=*&limit=5&start={shop['start']}&end={shop['end']}&service=cart&service=payment".encode()
    reply = served.http.post("/v1/search", content=body, headers=FORM).json()
    assert (len(reply["lines"]), reply["total"]) == (5, LINES * 2 // 3)


def test_a_search_takes_parameters_from_the_address_and_the_body_counts_first(
    served: Served, shop: dict[str, str]
) -> None:
    assert total(served, b"", {}, query="zzz", **shop) == 0
    assert total(served, b"{}", JSON, query="zzz", **shop) == 0
    assert total(served, b'{"limit": 1}', JSON, query="zzz", **shop) == 0
    assert total(served, b'{"query": "*"}', JSON, query="zzz", **shop) == LINES


def test_an_unknown_parameter_of_a_post_is_told_by_name(served: Served) -> None:
    for address, body in (({"quary": "x"}, b"{}"), ({}, b'{"quary": "x"}')):
        reply = served.http.post("/v1/search", content=body, headers=JSON, params=address)
        assert (reply.status_code, reply.json()["error"]["message"][:6]) == (400, "quary:")
