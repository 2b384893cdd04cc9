// The screen of lines without loading the page anew: rows come first, then what takes longer to count.

import { focusAlike } from "./focus.js";
import { takeOver } from "./navigate.js";
import { clearNotice } from "./notice.js";
import { fetchDocument, placeParts } from "./parts.js";
import { Screen } from "./screen.js";

const COUNTS = ["histogram", "facets"];
/** @type {Screen} */
let screen;

/** Take over links and forms that lead from the screen of lines to itself. */
export function attachLines() {
  if (location.pathname !== "/lines") return;
  screen = new Screen("found", listOf);
  const here = new URL(location.href);
  if (document.querySelector(".uncounted")) count(here, screen.begin(here)); // the server did not wait for them
  takeOver("/lines", goTo);
  screen.onReturn(show);
}

/**
 * Go to an address of the screen of lines; it becomes the page's own.
 * @param {URL} address
 */
export function goTo(address) {
  if (address.search !== location.search) history.pushState(null, "", address);
  else history.replaceState(null, "", address); // what is asked for again is shown anew, from its beginning
  return show(address);
}

/** @param {URL} address */
async function show(address) {
  const signal = await screen.show(
    address,
    (each) => showRows(address, each),
    () => show(address),
  );
  if (signal && !screen.busy.hidden) await count(address, signal);
}

/**
 * @param {URL} address
 * @param {AbortSignal} signal
 */
async function showRows(address, signal) {
  const fetched = await fetchDocument(partOf(address, "rows"), signal);
  const found = fetched.getElementById("found");
  screen.busy.hidden = found === null;
  screen.busy.dataset.start = found?.dataset.start ?? "";
  screen.busy.dataset.end = found?.dataset.end ?? "";
  placeParts(fetched);
  document.title = `${address.searchParams.get("query") || "Lines"} · Dejalog`;
}

/**
 * Count over the window of the rows, which are there. Until then, and where it fails, the counts of other rows stay to be
 * seen, but lead nowhere: their links hold another query.
 * @param {URL} address
 * @param {AbortSignal} signal
 */
async function count(address, signal) {
  const { start = "", end = "" } = screen.busy.dataset;
  const window = { part_start: start, part_end: end };
  const counted = COUNTS.map(async (name) => {
    const renew = makeOld(name);
    renew(await fetchDocument(partOf(address, name, window), signal));
  });
  try {
    await Promise.all(counted);
  } catch (error) {
    const isOld = !document.querySelector(".uncounted");
    const consequence = isOld ? "The counts are older than the lines." : "The lines are not counted.";
    if (!signal.aborted) screen.explain(error, consequence, () => recount(address));
  }
}

/** @param {URL} address */
async function recount(address) {
  clearNotice();
  await count(address, screen.begin(address));
}

/**
 * Make a part one that cannot be used; returns what puts the next one in its place, with the focus where it was.
 * @param {string} name
 */
function makeOld(name) {
  const part = /** @type {HTMLElement} */ (document.querySelector(`[data-part="${name}"]`));
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  part.inert = true;
  part.setAttribute("aria-busy", "true");
  return (/** @type {Document} */ fetched) => {
    part.inert = false;
    part.removeAttribute("aria-busy");
    placeParts(fetched);
    if (focused && document.activeElement === document.body) focusAlike(part, focused);
  };
}

/**
 * @param {URL} address
 * @param {string} name
 * @param {Record<string, string>} [more]
 */
function partOf(address, name, more = {}) {
  const found = new URL(address);
  for (const [key, value] of Object.entries({ part: name, ...more })) found.searchParams.set(key, value);
  return found;
}

/**
 * What the list of lines depends on: the line in the drawer (drawer.js) is none of it.
 * @param {URL | Location} address
 */
export function listOf(address) {
  const found = new URLSearchParams(address.search);
  found.delete("line");
  return String(found);
}
