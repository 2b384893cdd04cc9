"""How smoothly the list of lines scrolls: Chromium scrolls through many lines, and its long tasks are measured.

    python -m bench.page_scroll [LINES]

Prints a JSON object: how long it took, tasks of 50 ms and more with their sum and the longest, the time between frames
at the 95th percentile and at most, what the page's main thread worked for a hundred lines (script, style and layout),
the most rows and elements that the document ever held, and the machine's load: on a busy one, tasks are long because
they wait.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import structlog
from playwright.sync_api import CDPSession, Page

from tests.page.chromium import chromium
from tests.page.shop import long_list

LINES = 100_000
WHEEL_PX = 600
"""Of one turn of the wheel; a fast reader turns it every 50 ms."""
WATCH = """() => {
  window.seen = { tasks: [], frames: [], rows: 0, elements: 0 };
  new PerformanceObserver((list) => { for (const each of list.getEntries()) seen.tasks.push(each.duration); })
    .observe({ type: "longtask" });
  let last = performance.now();
  const frame = (now) => {
    seen.frames.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
COUNT = """() => {
  seen.rows = Math.max(seen.rows, document.querySelectorAll("li.line").length);
  seen.elements = Math.max(seen.elements, document.getElementsByTagName("*").length);
  return document.querySelector("nav.pages a[rel=next]") === null
    && innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
}"""


def main(lines: int) -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with (
        tempfile.TemporaryDirectory(prefix="dejalog-scroll-") as place,
        long_list(Path(place) / "data", lines) as server,
        chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(f"{server.url}/lines?start=1d")
        print(orjson.dumps({"lines": lines, **scrolled(page)}, option=orjson.OPT_INDENT_2).decode())


def scrolled(page: Page) -> dict[str, Any]:
    """Turn the wheel until the end of the list."""
    page.mouse.move(900, 600)
    page.evaluate(WATCH)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    before_ms = worked_ms(devtools)
    begun = time.monotonic()
    while not page.evaluate(COUNT):
        page.mouse.wheel(0, WHEEL_PX)
    took_s = time.monotonic() - begun
    seen = page.evaluate("seen")
    frames = sorted(seen["frames"])
    return {
        "took_s": round(took_s, 1),
        "long_tasks": len(seen["tasks"]),
        "long_tasks_ms": round(sum(seen["tasks"])),
        "longest_task_ms": round(max(seen["tasks"], default=0)),
        "frames": len(frames),
        "frame_p95_ms": round(frames[int(len(frames) * 0.95)], 1),
        "longest_frame_ms": round(frames[-1], 1),
        "work_ms_per_100_lines": round((worked_ms(devtools) - before_ms) / page.locator(".stretch").count(), 1),
        "load": [round(each, 1) for each in os.getloadavg()],
        "most_rows": seen["rows"],
        "most_elements": seen["elements"],
    }


def worked_ms(devtools: CDPSession) -> float:
    """Of the main thread since the page was opened."""
    metrics = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
    return 1000 * float(sum(metrics[name] for name in ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration")))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
