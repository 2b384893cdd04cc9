// The screen of lines without loading the page anew: rows come first, then what takes longer to count.

import { takeOver } from "./navigate.js";
import { fetchDocument, placeParts } from "./parts.js";
import { Screen } from "./screen.js";

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
 * Count over the window of the rows, which are there.
 * @param {URL} address
 * @param {AbortSignal} signal
 */
async function count(address, signal) {
  const { start = "", end = "" } = screen.busy.dataset;
  const counted = ["histogram", "facets"].map(async (name) => {
    placeParts(await fetchDocument(partOf(address, name, { part_start: start, part_end: end }), signal));
  });
  try {
    await Promise.all(counted);
  } catch (error) {
    if (!signal.aborted) screen.explain(error, "What is shown is older.", () => count(address, screen.begin(address)));
  }
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
