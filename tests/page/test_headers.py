"""What every page of the server sends along, and how much."""

import gzip
import re

import pytest

from api.page.assets import address_of, assets
from tests.page.shop import Served

SCREENS = (
    "/",
    "/?q=what+failed",
    "/lines",
    "/lines?query=(",
    "/patterns",
    "/incidents",
    "/status",
    "/lines/x",
    "/nowhere",
    "/docs",
)
HTML = {"Accept": "text/html"}


def modules() -> list[str]:
    """The addresses of the page's JavaScript."""
    return [address_of(name) for name in assets() if name.endswith(".js")]


@pytest.mark.parametrize("path", SCREENS)
def test_every_page_forbids_framing_sniffing_and_what_others_serve(shop: Served, path: str) -> None:
    reply = shop.http.get(path, headers=HTML)
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] in {"same-origin", "no-referrer"}


@pytest.mark.parametrize("path", SCREENS)
def test_no_screen_allows_or_holds_inline_script_or_style(shop: Served, path: str) -> None:
    reply = shop.http.get(path, headers=HTML)
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert not re.search(
        r"<style|<script(?! type=\"module\" src=\"/assets/)|\sstyle=|\son[a-z]+=",
        re.sub(r'value="[^"]*"', "", reply.text),
    )
    assert not re.search(r'(?:src|href)="(?:https?:)?//', reply.text)


def test_the_first_load_stays_under_150_kb_over_the_wire(shop: Served) -> None:
    with shop.http.stream("GET", "/", headers={**HTML, "Accept-Encoding": "gzip"}) as reply:
        packed = b"".join(reply.iter_raw())
    text = gzip.decompress(packed).decode()
    total = len(packed)
    for address in {*re.findall(r'(?:href|src)="(/assets/[^"]+)"', text), *modules()}:
        with shop.http.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as reply:
            total += len(b"".join(reply.iter_raw()))
    assert total < 150_000


def test_a_file_is_kept_for_ever_under_the_address_of_its_content(shop: Served) -> None:
    address = re.findall(r'href="(/assets/[^"]+css)"', shop.http.get("/", headers=HTML).text)[0]
    reply = shop.http.get(address)
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["content-type"].startswith("text/css")
    digest, name = address.split("/")[2:]
    assert shop.http.get(f"/assets/{'0' * len(digest)}/{name}").status_code == 404
    assert shop.http.get(f"/assets/{digest}/..%2Frender.py").status_code == 404


def test_a_client_that_does_not_unpack_gets_plain_text(shop: Served) -> None:
    reply = shop.http.get("/lines", headers={**HTML, "Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in reply.headers
    assert "<main" in reply.text


def test_a_program_that_accepts_json_is_told_what_shippers_ask(shop: Served) -> None:
    assert shop.http.get("/", headers={"Accept": "application/json"}).json()["tagline"]
