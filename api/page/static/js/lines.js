// The screen of lines without loading the page anew: rows come first, then what takes longer to count.

import { clearNotice, notify } from "./notice.js";
import { fetchDocument, PartError, placeParts } from "./parts.js";

/** @type {AbortController | null} */
let running = null;
let shown = "";

/** Take over links and forms that lead from the screen of lines to itself. */
export function attachLines() {
  if (location.pathname !== "/lines") return;
  shown = location.search;
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  window.addEventListener("popstate", () => {
    if (location.search !== shown) show(new URL(location.href));
  });
}

/**
 * Go to an address of the screen of lines; it becomes the page's own.
 * @param {URL} address
 */
export function goTo(address) {
  if (address.search !== location.search) history.pushState(null, "", address);
  return show(address);
}

/** @param {MouseEvent} event */
function onClick(event) {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    return;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!link || link.hasAttribute("download") || link.hasAttribute("target")) return;
  const address = new URL(link.getAttribute("href") ?? "", location.href);
  if (address.origin !== location.origin || address.pathname !== "/lines" || address.hash) return;
  event.preventDefault();
  goTo(address);
}

/** @param {SubmitEvent} event */
function onSubmit(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.method !== "get" || new URL(form.action).pathname !== "/lines") return;
  event.preventDefault();
  const address = new URL(form.action);
  for (const [name, value] of new FormData(form)) if (value) address.searchParams.append(name, String(value));
  goTo(address);
}

/** @param {URL} address */
async function show(address) {
  running?.abort();
  const control = new AbortController();
  running = control;
  shown = address.search;
  const found = /** @type {HTMLElement} */ (document.getElementById("found"));
  found.setAttribute("aria-busy", "true");
  try {
    await showRows(address, found, control.signal);
    found.removeAttribute("aria-busy");
    clearNotice();
    if (!found.hidden) await showCounts(address, found, control.signal);
  } catch (error) {
    if (control.signal.aborted) return;
    found.removeAttribute("aria-busy");
    if (!(error instanceof PartError)) throw error;
    shown = "";
    notify(`${error.message} What is shown is older.`, { name: "Try again", act: () => show(address), again: true });
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
