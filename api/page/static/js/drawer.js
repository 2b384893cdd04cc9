// One line beside the list that it stands in: its own page's content in a dialog, which is `line=ID` in the address. So
// "back" closes it, and the address can be copied. Without this module the same links lead to the page of the line.

import { isPlain } from "./navigate.js";
import { fetchDocument, PartError } from "./parts.js";

const LINE = /^\/lines\/([^/]+)$/;
const drawer = /** @type {HTMLDialogElement} */ (document.getElementById("drawer"));
const drawn = /** @type {HTMLElement} */ (drawer.querySelector(".drawn")); // beside it stands the menu of words

/** @type {AbortController | null} */
let running = null;
/** Whether the press that a click ends began beside the dialog: text that is selected by dragging out of it did not. */
let isPressedBeside = false;

/** Open links to a line in the drawer, but for those of a line's own page. */
export function attachDrawer() {
  if (LINE.test(location.pathname)) return;
  document.addEventListener("click", onClick);
  document.addEventListener("pointerdown", (event) => {
    isPressedBeside = isBeside(event);
  });
  drawer.addEventListener("close", onClose);
  window.addEventListener("popstate", follow);
  document.addEventListener("placed", (event) => {
    if (event instanceof CustomEvent && event.detail === "rows" && !lineOf(location.href)) close();
  });
  follow();
}

/**
 * Show the line that a link leads to.
 * @param {URL} link
 */
export function openLine(link) {
  const id = LINE.exec(link.pathname)?.[1];
  if (!id) return;
  const address = new URL(location.href);
  address.searchParams.set("line", decodeURIComponent(id));
  if (drawer.open) history.replaceState(history.state, "", address);
  else history.pushState({ ...history.state, drawer: true }, "", address);
  show(link);
}

/** @param {MouseEvent} event */
function onClick(event) {
  if (!isPlain(event) || !(event.target instanceof Element)) return;
  if ((isPressedBeside && isBeside(event)) || event.target.closest("[data-close]")) return drawer.close();
  const link = event.target.closest("a.when, #drawer a[href^='/lines/']");
  if (!(link instanceof HTMLAnchorElement) || !LINE.test(link.pathname)) return;
  event.preventDefault();
  openLine(new URL(link.href));
}

/** Whether it is on the backdrop: its events are the dialog's, as are those of the dialog's own padding. @param {MouseEvent} event */
function isBeside({ target, clientX, clientY }) {
  const { left, right, top, bottom } = drawer.getBoundingClientRect();
  return target === drawer && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}

/** What the address says is what is shown. */
function follow() {
  const id = lineOf(location.href);
  if (!id) return close();
  const page = new URL(`/lines/${encodeURIComponent(id)}`, location.href);
  const zone = new URL(location.href).searchParams.get("zone");
  if (zone) page.searchParams.set("zone", zone);
  show(page);
}

function close() {
  if (drawer.open) drawer.close();
}

function onClose() {
  running?.abort();
  drawn.replaceChildren();
  if (!lineOf(location.href)) return; // the address had changed before
  if (history.state?.drawer) return history.back();
  const address = new URL(location.href);
  address.searchParams.delete("line");
  history.replaceState(history.state, "", address);
}

/** @param {URL} page */
async function show(page) {
  running?.abort();
  const control = new AbortController();
  running = control;
  if (!drawer.open) drawer.showModal();
  drawer.setAttribute("aria-busy", "true");
  try {
    const fetched = await fetchDocument(page, control.signal);
    const line = fetched.querySelector('[data-part="line"]');
    if (!line) throw new PartError("The server answered something else.");
    fill([...line.childNodes]);
    if (page.hash) moveTo(page.hash.slice(1));
  } catch (error) {
    if (control.signal.aborted) return;
    if (!(error instanceof PartError)) throw error;
    const told = document.createElement("p");
    told.setAttribute("role", "alert");
    told.textContent = `${error.message} This line cannot be shown now.`;
    fill([told]);
  }
  drawer.removeAttribute("aria-busy");
}

/** @param {ChildNode[]} content */
function fill(content) {
  const shut = document.createElement("button");
  shut.type = "button";
  shut.className = "quiet shut";
  shut.dataset.close = "";
  shut.textContent = "Close";
  drawn.replaceChildren(shut, ...content);
  drawer.scrollTop = 0;
  shut.focus();
}

/** @param {string} id */
function moveTo(id) {
  const place = drawer.querySelector(`#${CSS.escape(id)}`);
  if (!(place instanceof HTMLElement)) return;
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
  place.scrollIntoView();
}

/** @param {string} address */
function lineOf(address) {
  return new URL(address).searchParams.get("line");
}
