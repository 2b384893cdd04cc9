import base64
import gzip
import zlib
from collections.abc import Iterator

import httpx
import pytest
import zstandard

from api.app import create_app
from api.client import InProcessTransport
from api.parts import Dejalog
from api.settings import ServerSettings, Settings
from tests.api.conftest import Served, ndjson

TOKEN = "a-token-for-tests"
MAX_BODY = 20_000


class _WithSettings:
    """The same running program behind other settings."""

    def __init__(self, dejalog: Dejalog, settings: Settings) -> None:
        self._dejalog = dejalog
        self.settings = settings

    def __getattr__(self, name: str) -> object:
        return getattr(self._dejalog, name)


def client(served: Served, settings: ServerSettings) -> httpx.Client:
    app = create_app(_WithSettings(served.dejalog, Settings(server=settings)))  # type: ignore[arg-type] # delegates
    return httpx.Client(base_url="http://localhost:8900", transport=InProcessTransport(app))


@pytest.fixture
def guarded(served: Served) -> Iterator[httpx.Client]:
    with client(served, ServerSettings(token=TOKEN)) as found:
        yield found


@pytest.fixture
def small(served: Served) -> Iterator[httpx.Client]:
    with client(served, ServerSettings(max_body=MAX_BODY)) as found:
        yield found


@pytest.mark.parametrize(
    "path", ["/v1/search", "/v1/status", "/metrics", "/docs", "/openapi.json", "/", "/nothing", "/v1/lines/x-1"]
)
def test_every_route_asks_for_the_token(guarded: httpx.Client, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
    ):
        reply = guarded.get(path, headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorized")
        assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("kind", ["Basic", "ApiKey"])
def test_the_token_may_stand_where_shippers_can_put_a_secret(guarded: httpx.Client, kind: str) -> None:
    for secret, status in ((TOKEN, 200), ("wrong", 401), ("", 401)):
        text = base64.b64encode(f"anybody:{secret}".encode()).decode()
        assert guarded.get("/_license", headers={"Authorization": f"{kind} {text}"}).status_code == status


def test_with_the_token_routes_answer(guarded: httpx.Client) -> None:
    assert guarded.get("/v1/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.post("/v1/search", json={}, headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    assert guarded.post("/v1/search", json={}).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_for_the_head_alone(served: Served, path: str) -> None:
    reply = served.http.head(path)
    assert (reply.status_code, reply.content) == (served.http.get(path).status_code, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_no_token(guarded: httpx.Client, path: str) -> None:
    assert guarded.get(path).json()["status"] == "ok"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example"}, "foreign_host"),
        ({"Host": "evil.example:8900"}, "foreign_host"),
        ({"Host": "localhost.evil.example"}, "foreign_host"),
        ({"Host": "127.0.0.1.evil.example:8900"}, "foreign_host"),
        ({"Host": ""}, "foreign_host"),
        ({"Origin": "https://evil.example"}, "foreign_origin"),
        ({"Origin": "http://localhost:3000"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        ({"Origin": "http://["}, "foreign_origin"),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, "foreign_origin"),
    ],
    ids=str,
)
def test_on_loopback_a_page_of_another_site_is_refused(served: Served, headers: dict[str, str], code: str) -> None:
    with client(served, ServerSettings()) as http:
        for reply in (http.get("/v1/status", headers=headers), http.post("/v1/lines", content=b"{}", headers=headers)):
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, code)


@pytest.mark.parametrize("host", ["localhost:8900", "127.0.0.1", "127.0.0.2:1", "[::1]:8900", "LOCALHOST"])
def test_every_name_of_this_machine_is_answered(served: Served, host: str) -> None:
    with client(served, ServerSettings()) as http:
        assert http.get("/healthz", headers={"Host": host, "Origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:10]) + gzip.compress(body[10:])),
        ("deflate", zlib.compress),
        ("zstd", zstandard.compress),
        ("zstd", lambda body: zstandard.compress(body[:10]) + zstandard.compress(body[10:])),
    ],
    ids=["gzip", "two gzip members", "deflate", "zstd", "two zstd frames"],
)
def test_a_packed_body_is_unpacked(served: Served, encoding: str, pack: object) -> None:
    assert callable(pack)
    body = ndjson([{"message": f"packed {number}", "service": "packed"} for number in range(7)])
    reply = served.http.post("/v1/lines", content=pack(body), headers={"Content-Encoding": encoding})
    assert reply.json()["stored"] == 7


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (MAX_BODY + 1), {}, 413),
        (gzip.compress(b"x" * (MAX_BODY + 1)), {"Content-Encoding": "gzip"}, 413),
        (zstandard.compress(b"x" * 500_000_000), {"Content-Encoding": "zstd"}, 413),
        (zlib.compress(b"x" * (MAX_BODY + 1)), {"Content-Encoding": "deflate"}, 413),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"cut short" * 99)[:-9], {"Content-Encoding": "gzip"}, 400),
        (zstandard.compress(b"cut short" * 99)[:-5], {"Content-Encoding": "zstd"}, 400),
        (b"x", {"Content-Encoding": "br"}, 415),
    ],
    ids=["long", "gzip bomb", "zstd bomb", "deflate bomb", "no gzip", "short gzip", "short zstd", "brotli"],
)
def test_a_body_that_is_too_large_or_damaged_stores_nothing(
    small: httpx.Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    before = small.get("/v1/status").json()["lines"]
    reply = small.post("/v1/lines", content=body, headers=headers)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"code", "message", "hint"}
    assert small.get("/v1/status").json()["lines"] == before


def test_a_body_without_a_length_is_bounded_too(small: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"y" * 1000

    assert small.post("/v1/lines", content=endless()).status_code == 413


def test_what_the_gate_held_is_let_go(small: httpx.Client) -> None:
    for _ in range(8):
        small.post("/v1/lines", content=b"z" * (MAX_BODY + 1), headers={"Content-Length": "1"})
        assert small.post("/v1/lines", content=b'{"message":"small"}').status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "not_found"),
        ("DELETE", "/v1/search", 405, "method_not_allowed"),
        ("PUT", "/v1/lines", 405, "method_not_allowed"),
        ("POST", "/v1/ask", 400, "bad_request"),
        ("GET", "/v1/search/", 404, "not_found"),
    ],
)
def test_every_error_has_the_one_shape(served: Served, method: str, path: str, status: int, code: str) -> None:
    reply = served.http.request(method, path)
    assert reply.status_code == status
    assert reply.json()["error"]["code"] == code
    assert reply.json()["error"]["message"]


def test_a_fault_of_our_own_is_told_as_one(served: Served) -> None:
    class Broken(_WithSettings):
        def generation(self, *, as_of_ns: int | None = None) -> object:
            raise ZeroDivisionError("deep inside")

    app = create_app(Broken(served.dejalog, Settings()))  # type: ignore[arg-type] # delegates
    with httpx.Client(base_url="http://localhost", transport=InProcessTransport(app)) as http:
        reply = http.get("/v1/patterns")
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal")
    assert "deep inside" not in reply.text
