"""Pictures of every screen of the web page, light and dark, wide and narrow, over a simulated shop of a fixed seed.

    python -m bench.screenshots docs/screenshots

Writes SCREEN-SCHEME-WIDTH.png for each. The shop and its faults are the seed's; their dates are those of the last days.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

import structlog
from PIL import Image
from playwright.sync_api import Browser

from tests.page.chromium import chromium
from tests.page.shop import Served, fill, served

SEED = 7
DAYS = 4
LINES = 120_000
SIZES = ((1440, 1000), (380, 820))
COLOURS = 160
"""Of the palette, chosen to cover rare hues: levels keep theirs, and a picture stays under 120 KB."""
QUESTION = "Has there been a service avalanche like this lately?"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main(folder: Path) -> None:
    """Make all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="dejalog-screenshots-") as place, served(Path(place) / "data") as server:
        fill(server.dejalog, Path(place) / "shop", seed=SEED, days=DAYS, lines=LINES)
        note(server)
        with chromium() as browser:
            for name, path in screens(server).items():
                for scheme in SCHEMES:
                    for size in SIZES:
                        shoot(browser, f"{server.url}{path}", scheme, size, folder / f"{name}-{scheme}-{size[0]}.png")


def screens(server: Served) -> dict[str, str]:
    """The address of each screen."""
    worst = avalanche(server)
    hour = f"start={worst['start'][:11]}00:00:00Z&end={worst['end'][:11]}23:59:59Z"
    return {
        "ask": f"/?q={QUESTION.replace(' ', '+')}",
        "lines": f"/lines?query=level:(error+or+warn)&{hour}",
        "patterns": "/patterns",
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


def shoot(browser: Browser, url: str, scheme: Literal["light", "dark"], size: tuple[int, int], file: Path) -> None:
    """One picture of the first screenful."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    page.screenshot(path=file)
    context.close()
    with Image.open(file) as picture:
        few = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(file, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
