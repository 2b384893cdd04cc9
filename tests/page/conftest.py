"""One simulated shop behind one server, and one Chromium, for all tests of the page: with JavaScript and without."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from playwright.sync_api import Browser, Page, expect

from tests.page.bad_network import BadNetwork, bad_network
from tests.page.chromium import chromium
from tests.page.shop import Served, served, two_days

Open = Callable[[str], Page]
expect.set_options(timeout=20_000)
"""Milliseconds until something must be there: a merge of patterns takes seconds on two busy cores (measured)."""


@pytest.fixture(scope="package", autouse=True)
def quiet() -> Iterator[None]:
    """The program's own log goes nowhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=nowhere))
        yield
        structlog.reset_defaults()


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two days of a shop with an avalanche that comes twice."""
    with two_days(tmp_path_factory.mktemp("page")) as server:
        yield server


@pytest.fixture
def network(shop: Served) -> Iterator[BadNetwork]:
    """Between the browser and the shop's server."""
    with bad_network(shop.url) as found:
        yield found


@pytest.fixture(scope="package")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that holds nothing."""
    with served(tmp_path_factory.mktemp("empty") / "data") as server:
        yield server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def no_script(browser: Browser) -> Iterator[Page]:
    """A page of a browser in which JavaScript is off."""
    with contextlib.closing(browser.new_context(java_script_enabled=False)) as context:
        yield context.new_page()


@pytest.fixture
def with_script(browser: Browser) -> Iterator[Page]:
    """A page whose modules run; an error that nothing caught, or that the policy refused, fails the test."""
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        yield page
        assert not faults


@pytest.fixture
def visit(no_script: Page, shop: Served) -> Open:
    """Open an address of the shop's server; it must be there, and so must its counts: a busy machine shows a link."""

    def open_(path: str) -> Page:
        reply = no_script.goto(shop.url + path)
        assert reply is not None
        assert reply.status == 200, no_script.content()
        if (late := no_script.locator(".uncounted a")).count():
            late.first.click()
        return no_script

    return open_


@pytest.fixture(scope="package")
def avalanche(shop: Served) -> str:
    """The newest incident of the kind."""
    found: str = shop.http.get("/v1/incidents", params={"kind": "avalanche"}).json()["incidents"][0]["incident_id"]
    return found
