"""Pictures of every screen of the web page, light and dark, wide and narrow, over a simulated shop of a fixed seed.

    python -m bench.screenshots docs/screenshots

Writes SCREEN-SCHEME-WIDTH.png for each. The shop and its faults are the seed's; their dates are those of the last days.
A picture is taken when nothing of its page is under way any more.
"""

import io
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import structlog
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.page.chromium import chromium
from tests.page.shop import Served, fill, served

SEED = 7
DAYS = 4
LINES = 120_000
SIZES = ((1440, 1000), (380, 820))
COLOURS = (160, 96, 64, 32)
"""Of the palette, which covers rare hues so that levels keep theirs: the first that makes a picture small enough."""
LARGEST_KB = 120
QUESTION = "Has there been a service avalanche like this lately?"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main(folder: Path) -> None:
    """Make all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="dejalog-screenshots-") as name, chromium() as browser:
        place = Path(name)
        with served(place / "data") as server:
            shoot(browser, server.url, {"first-run": "/"}, folder)
            fill(server.dejalog, place / "shop", seed=SEED, days=DAYS, lines=LINES)
            note(server)
            shoot(browser, server.url, screens(server), folder)
        with served(place / "guarded", token="any") as server:
            shoot(browser, server.url, {"sign-in": "/lines"}, folder)


def screens(server: Served) -> dict[str, str]:
    """The address of each screen."""
    worst = avalanche(server)
    hour = f"start={worst['start'][:11]}00:00:00Z&end={worst['end'][:11]}23:59:59Z"
    line = server.http.get(f"/v1/incidents/{worst['incident_id']}").json()["incident"]["evidence"][0]
    return {
        "ask": f"/?q={QUESTION.replace(' ', '+')}",
        "lines": f"/lines?query=level:(error+or+warn)&{hour}",
        "line": f"/lines/{line['id']}",
        "patterns": "/patterns",
        "pattern": f"/patterns/{line['pattern_id']}",
        "incidents": "/incidents",
        "incident": f"/incidents/{worst['incident_id']}",
        "status": "/status",
    }


def avalanche(server: Served) -> dict[str, Any]:
    """The newest incident of the kind."""
    found = server.http.get("/v1/incidents", params={"kind": "avalanche"}).json()["incidents"]
    newest: dict[str, Any] = found[0]
    return newest


def note(server: Served) -> None:
    """What somebody knew of the older avalanche, so that the pictures show a note."""
    oldest = server.http.get("/v1/incidents", params={"kind": "avalanche", "order": "oldest"}).json()["incidents"][0]
    content = {
        "target": oldest["incident_id"],
        "cause": "A slow query on the carts' table held every connection of its pool.",
        "fix": "Add the missing index; until then, restart the service that failed first.",
        "author": "on call",
    }
    server.http.post("/v1/notes", json=content).raise_for_status()


def shoot(browser: Browser, url: str, paths: Mapping[str, str], folder: Path) -> None:
    """The first screenful of each address, in both schemes and sizes."""
    for name, path in paths.items():
        for scheme in SCHEMES:
            for width, height in SIZES:
                size = {"width": width, "height": height}
                context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type] # width and height
                page = context.new_page()
                page.goto(url + path)
                wait(page)
                write(page.screenshot(animations="disabled", caret="hide"), folder / f"{name}-{scheme}-{width}.png")
                context.close()


def wait(page: Page) -> None:
    """Until the page has what it asked for, and nothing of it is under way. Raises where it shows that it lost the
    server.
    """
    page.wait_for_load_state("load")
    expect(page.locator("main")).not_to_be_empty()
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=30_000)
    expect(page.locator("#notice")).to_be_empty()
    page.evaluate("document.fonts.ready.then(() => new Promise(drawn => requestAnimationFrame(() => drawn())))")


def write(picture: bytes, file: Path) -> None:
    """With as many colours as the size allows. Ends the program where even few make it too large."""
    with Image.open(io.BytesIO(picture)) as whole:
        for colours in COLOURS:
            # One step of k-means: the ground, most of the picture, then has its own colour and not one near it.
            rgb = whole.convert("RGB")
            few = rgb.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
            few.save(file, optimize=True)
            if file.stat().st_size < LARGEST_KB * 1000:
                return
    sys.exit(f"{file} has {file.stat().st_size} bytes with {COLOURS[-1]} colours; {LARGEST_KB} KB are the most")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
