// Keys of one letter, as many pages of the kind have them: they do what links and buttons of the page do.

import { openLine } from "./drawer.js";
import { chooseWord, filterBy } from "./token_menu.js";

const ROWS = ".lines > .line, .citations > .line, .patterns tbody tr, .brief";
/** What one types or chooses in. */
const TYPED =
  "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable], [popover]";
const LINK = "a.when, .what a, h3 a";
const KEPT = "dejalog.keys";
const sheet = /** @type {HTMLDialogElement} */ (document.getElementById("keys"));
const isOn = /** @type {HTMLInputElement} */ (document.getElementById("keys-on"));

/** @type {Element | null} */
let current = null;

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const ACTIONS = {
  "/": toBox,
  "?": () => sheet.showModal(),
  j: () => move(1),
  k: () => move(-1),
  c: toContext,
  f: () => filterBy(row(), "in"),
  x: () => filterBy(row(), "out"),
  w: () => chooseFrom(row()),
  t: toggleTail,
};

/** Listen for keys, and let the help sheet turn them off. */
export function attachKeys() {
  isOn.checked = kept() !== "off";
  isOn.addEventListener("change", () => keep(isOn.checked ? "on" : "off"));
  document.addEventListener("keydown", onKey);
  document.addEventListener("focusin", ({ target }) => {
    if (target instanceof Element) current = target.closest(ROWS) ?? current;
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-action='help']")) return;
    event.preventDefault();
    sheet.showModal();
  });
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!isOn.checked || sheet.open) return;
  const target = event.target;
  if (target instanceof Element && target.closest(TYPED)) return;
  ACTIONS[event.key]?.(event);
}

/** @param {KeyboardEvent} event */
function toBox(event) {
  const box = document.getElementById("query") ?? document.getElementById("q");
  if (!(box instanceof HTMLInputElement) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  box.focus();
  box.select();
}

/** @param {number} step */
function move(step) {
  const rows = [...place().querySelectorAll(ROWS)];
  const here = row();
  const at = here ? rows.indexOf(here) : -1;
  const next = here ? rows[at + step] : rows.find((each) => each.getBoundingClientRect().bottom > 0);
  const link = next?.querySelector(LINK);
  if (!(link instanceof HTMLElement)) return;
  link.focus({ focusVisible: true });
  next?.scrollIntoView({ block: "nearest" });
}

/** The row that the keys are about: the one that had the focus last. */
function row() {
  return current?.isConnected && place().contains(current) ? current : null;
}

/** Where rows are moved over: a dialog that is open hides the rest. */
function place() {
  return document.querySelector("dialog[open]") ?? document.body;
}

function toContext() {
  const link = row()?.querySelector("a.when");
  if (link instanceof HTMLAnchorElement) openLine(new URL("#context", link.href));
}

/** @param {Element | null} line */
function chooseFrom(line) {
  if (line) chooseWord(line);
}

/** A tail that is shown is paused or goes on; where there is none, it begins. */
function toggleTail() {
  const tail = document.querySelector("[data-action='pause']:not([hidden])");
  const button = tail ?? document.querySelector("[data-action='live']");
  if (button instanceof HTMLElement) button.click();
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch (error) {
    return refused(error);
  }
}

/** @param {string} value */
function keep(value) {
  try {
    localStorage.setItem(KEPT, value);
  } catch (error) {
    refused(error);
  }
}

/**
 * A browser may be told to keep nothing; keys then are on until they are turned off, on each page.
 * @param {unknown} error
 */
function refused(error) {
  if (!(error instanceof DOMException)) throw error;
  return null;
}
