"""The page of every route, for people; it loads nothing."""

import html
from typing import Any

from fastapi.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; }
section { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: .5rem 0; }
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def docs_page(openapi: dict[str, Any]) -> HTMLResponse:
    """Every route of the OpenAPI document, with its parameters."""
    sections = [
        _operation(path, method, operation, openapi)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    intro = "<h1>Dejalog's HTTP routes</h1><p>The same as a document for programs: "
    return _page("Dejalog: routes", intro + '<a href="/openapi.json">/openapi.json</a></p>' + "".join(sections))


def _operation(path: str, method: str, operation: dict[str, Any], openapi: dict[str, Any]) -> str:
    title = f"<h2><code>{method.upper()} {_text(path)}</code></h2>"
    summary = f"<p><strong>{_text(operation.get('summary', ''))}</strong></p>"
    description = f"<p>{_text(operation.get('description', ''))}</p>"
    rows = [
        (parameter["name"], parameter["in"], parameter.get("description", ""))
        for parameter in operation.get("parameters", [])
    ]
    rows += [(name, "body", field.get("description", "")) for name, field in _body_fields(operation, openapi).items()]
    if not rows:
        return f"<section>{title}{summary}{description}</section>"
    cells = "".join(
        f"<tr><td><code>{_text(a)}</code></td><td>{_text(b)}</td><td>{_text(c)}</td></tr>" for a, b, c in rows
    )
    table = f"<table><tr><th>name</th><th>in</th><th>meaning</th></tr>{cells}</table>"
    return f"<section>{title}{summary}{description}{table}</section>"


def _body_fields(operation: dict[str, Any], openapi: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    properties = openapi.get("components", {}).get("schemas", {}).get(name, {}).get("properties", {})
    return properties if isinstance(properties, dict) else {}


def _text(value: object) -> str:
    return html.escape(str(value))


def _page(title: str, body: str) -> HTMLResponse:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(title)}</title>'
    content = f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>'
    return HTMLResponse(content, headers=_HEADERS)
