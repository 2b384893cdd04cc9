// The screen of lines without loading the page anew: rows come first, then what takes longer to count.

import { takeOver } from "./navigate.js";
import { clearNotice, notify } from "./notice.js";
import { fetchDocument, PartError, placeParts } from "./parts.js";

/** @type {AbortController | null} */
let running = null;
let shown = "";

/** Take over links and forms that lead from the screen of lines to itself. */
export function attachLines() {
  if (location.pathname !== "/lines") return;
  shown = listOf(location);
  if (document.querySelector(".uncounted")) show(new URL(location.href), false); // the server did not wait for them
  takeOver("/lines", goTo);
  window.addEventListener("popstate", () => {
    if (listOf(location) !== shown) show(new URL(location.href));
  });
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

/**
 * @param {URL} address
 * @param {boolean} [withRows] or only the counts, where the rows are there
 */
async function show(address, withRows = true) {
  running?.abort();
  const control = new AbortController();
  running = control;
  shown = listOf(address);
  const found = /** @type {HTMLElement} */ (document.getElementById("found"));
  found.setAttribute("aria-busy", "true");
  try {
    if (withRows) await showRows(address, found, control.signal);
    found.removeAttribute("aria-busy");
    clearNotice();
    if (!found.hidden) await showCounts(address, found, control.signal);
  } catch (error) {
    if (control.signal.aborted) return;
    found.removeAttribute("aria-busy");
    if (!(error instanceof PartError)) throw error;
    shown = "";
    const again = { name: "Try again", act: () => show(address, withRows), again: true };
    notify(`${error.message} What is shown is older.`, again);
  }
}

/**
 * @param {URL} address
 * @param {HTMLElement} found
 * @param {AbortSignal} signal
 */
async function showRows(address, found, signal) {
  const fetched = await fetchDocument(partOf(address, "rows"), signal);
  const window = fetched.getElementById("found");
  found.hidden = window === null;
  found.dataset.start = window?.dataset.start ?? "";
  found.dataset.end = window?.dataset.end ?? "";
  placeParts(fetched);
  const box = document.getElementById("query");
  const query = address.searchParams.get("query") ?? "";
  if (box instanceof HTMLInputElement && document.activeElement !== box) box.value = query;
  document.title = `${query || "Lines"} · Dejalog`;
}

/**
 * @param {URL} address
 * @param {HTMLElement} found
 * @param {AbortSignal} signal
 */
async function showCounts(address, found, signal) {
  const window = { part_start: found.dataset.start ?? "", part_end: found.dataset.end ?? "" };
  const counted = ["histogram", "facets"].map(async (name) => {
    placeParts(await fetchDocument(partOf(address, name, window), signal));
  });
  await Promise.all(counted);
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
function listOf(address) {
  const found = new URLSearchParams(address.search);
  found.delete("line");
  return String(found);
}
