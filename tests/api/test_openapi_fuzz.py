"""Every route is sent what its OpenAPI document allows, and what it does not; none may break."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from api.app import routes_app
from tests.api.conftest import Served

schema = schemathesis.openapi.from_dict(routes_app().openapi()).exclude(path="/v1/tail").exclude(path="/v1/status")


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schema.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
def test_no_request_breaks_a_route(case: schemathesis.Case[Any], served: Served) -> None:
    reply = case.call(base_url=served.url)
    case.validate_response(reply, checks=[not_a_server_error])
    reached_us = reply.text != "Invalid HTTP request received."  # what uvicorn says to a request that is no HTTP
    if reply.status_code >= 400 and reached_us:
        assert set(reply.json()["error"]) >= {"code", "message", "hint"}
