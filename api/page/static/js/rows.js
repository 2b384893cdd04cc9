// The list of the screen of lines where modules run: it goes on as the reader scrolls (line_list.js), is where it was
// when the reader comes back (place.js), and follows what is new where it is live (live.js).

import { LineList } from "./line_list.js";
import { follow } from "./live.js";
import { onPart } from "./parts.js";
import { keepPlace, restorePlace } from "./place.js";

const SETTLED_MS = 200;

/** @type {LineList | null} */
let list = null;
/** @type {(() => void) | null} */
let unfollow = null;
let home = "";
/** Whether a place that was kept is to be gone back to: not where the reader loads the page anew to see what is new. */
let isReturn = false;
/** @type {number | undefined} */
let settling;

/** Take over the list, now and whenever it is put in anew. */
export function attachRows() {
  if (location.pathname !== "/lines") return;
  history.scrollRestoration = "manual";
  isReturn = performance
    .getEntriesByType("navigation")
    .some((each) => /** @type {PerformanceNavigationTiming} */ (each).type === "back_forward");
  onPart("rows", begin);
  addEventListener("scroll", onScroll, { passive: true });
  addEventListener("pagehide", keep);
}

/** @param {HTMLElement} part */
function begin(part) {
  list?.stop();
  unfollow?.();
  list = null;
  unfollow = null;
  home = location.href;
  const rows = /** @type {HTMLElement | null} */ (part.querySelector("ol.lines"));
  if (!rows) return;
  const bar = document.getElementById("live");
  const pages = /** @type {HTMLElement | null} */ (part.querySelector("nav.pages"));
  list = new LineList(rows, bar ? "" : pinnedAddress(), pages);
  if (bar) unfollow = follow(bar, list);
  else restorePlace(list, isReturn);
  isReturn = true;
}

/** Where the rows of the first page can be fetched again: with `now` as it was. */
function pinnedAddress() {
  const address = new URL(location.href);
  const { start, end } = document.getElementById("found")?.dataset ?? {};
  if (start && end && !address.searchParams.get("cursor")) {
    address.searchParams.set("start", start);
    address.searchParams.set("end", end);
  }
  return address.pathname + address.search;
}

function onScroll() {
  clearTimeout(settling);
  settling = setTimeout(keep, SETTLED_MS);
}

/** Not while the address is another one already and its rows are still to come. */
function keep() {
  if (list && !unfollow && location.href === home) keepPlace(list);
}
