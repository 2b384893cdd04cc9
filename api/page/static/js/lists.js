// The screens of patterns and of incidents without loading the page anew: all their parts come with their own page.

import { takeOver } from "./navigate.js";
import { clearNotice, notify } from "./notice.js";
import { fetchDocument, PartError, placeParts } from "./parts.js";

const PATHS = ["/patterns", "/incidents"];
/** @type {AbortController | null} */
let running = null;
let shown = "";

/** Take over links and forms that lead from such a screen to itself. */
export function attachLists() {
  if (!PATHS.includes(location.pathname)) return;
  shown = location.search;
  takeOver(location.pathname, goTo);
  window.addEventListener("popstate", () => {
    if (location.search !== shown) show(new URL(location.href));
  });
}

/** @param {URL} address */
async function goTo(address) {
  if (address.search !== location.search) history.pushState(null, "", address);
  await show(address);
  if (address.searchParams.has("cursor"))
    document.querySelector('[data-part="controls"]')?.parentElement?.scrollIntoView();
}

/** @param {URL} address */
async function show(address) {
  running?.abort();
  const control = new AbortController();
  running = control;
  shown = address.search;
  const screen = document.getElementById("content");
  screen?.setAttribute("aria-busy", "true");
  try {
    place(await fetchDocument(address, control.signal), address);
    clearNotice();
  } catch (error) {
    if (control.signal.aborted) return;
    if (!(error instanceof PartError)) throw error;
    shown = "";
    notify(`${error.message} What is shown is older.`, { name: "Try again", act: () => show(address) });
  } finally {
    if (running === control) screen?.removeAttribute("aria-busy");
  }
}

/**
 * @param {Document} fetched
 * @param {URL} address
 */
function place(fetched, address) {
  placeParts(fetched);
  const box = document.getElementById("query");
  if (box instanceof HTMLInputElement && document.activeElement !== box)
    box.value = address.searchParams.get("query") ?? "";
  document.title = fetched.title;
}
