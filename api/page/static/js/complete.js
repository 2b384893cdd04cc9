// The query box as a combobox: the server says what the text may go on with at the cursor, and where it is wrong. It
// never holds up typing: a later text lets go of what was asked for an earlier one.

import { fetchDocument, onPart, PartError, placeParts } from "./parts.js";

const PAUSE_MS = 120;
const FAULT_MS = 700; // A text that is still written is wrong most of the time: it is told when typing stops.
const KEPT = ["start", "end", "service", "level", "pattern", "zone"];

/** @type {AbortController | null} */
let running = null;
let pause = 0;
let faultPause = 0;
let active = -1;

/** Make the query box a combobox, where there is one that takes the query language. */
export function attachComplete() {
  const box = document.querySelector("input[data-complete]");
  const list = document.getElementById("completions");
  if (!(box instanceof HTMLInputElement) || !list) return;
  box.type = "text"; // a search field may not be a combobox
  const states = { role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": list.id };
  for (const [name, value] of Object.entries(states)) box.setAttribute(name, value);
  box.addEventListener("input", (event) => onInput(box, list, event));
  box.addEventListener("keydown", (event) => onKey(box, list, event));
  box.addEventListener("blur", () => close(box, list));
  box.form?.addEventListener("submit", () => close(box, list));
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the box
  list.addEventListener("click", ({ target }) => {
    const option = target instanceof Element ? target.closest("[role='option']") : null;
    if (option instanceof HTMLElement) take(box, list, option);
  });
  onPart("fault", (part) => markFault(box, part));
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} list
 * @param {Event} event
 */
function onInput(box, list, event) {
  if (event instanceof InputEvent && event.isComposing) return;
  const isBegun = /[^\s(]$/.test(box.value.slice(0, box.selectionStart ?? 0));
  close(box, list);
  pause = setTimeout(() => ask(box, list, isBegun), PAUSE_MS);
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} list
 * @param {KeyboardEvent} event
 */
function onKey(box, list, event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const option = optionsOf(list)[active];
  if (step && list.hidden) ask(box, list, true);
  else if (step) choose(box, list, active + step);
  else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && option) take(box, list, option);
  else if (event.key === "Escape" && list.hidden) return box.blur();
  else if (event.key === "Escape") close(box, list);
  else return;
  event.preventDefault();
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} list
 * @param {boolean} isShown
 */
async function ask(box, list, isShown) {
  running?.abort();
  const control = new AbortController();
  running = control;
  const asked = Date.now();
  const query = box.value;
  try {
    const fetched = await fetchDocument(completionsOf(box), control.signal);
    if (isShown && document.activeElement === box) open(box, list, fetched);
    const fault = fetched.querySelector("[data-part='fault']");
    fetched.querySelector("[data-part='completions']")?.remove();
    const wait = fault?.childElementCount ? FAULT_MS - (Date.now() - asked) : 0;
    faultPause = setTimeout(() => box.value === query && placeParts(fetched), wait); // another query has its own faults
  } catch (error) {
    if (!control.signal.aborted && !(error instanceof PartError)) throw error; // a search will tell what is wrong
  }
}

/** @param {HTMLInputElement} box */
function completionsOf(box) {
  const address = new URL("/lines/complete", location.href);
  for (const [name, value] of new URLSearchParams(location.search))
    if (KEPT.includes(name)) address.searchParams.append(name, value);
  address.searchParams.set("query", box.value);
  address.searchParams.set("at", String(box.selectionStart ?? box.value.length));
  address.searchParams.set("screen", location.pathname);
  return address;
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} list
 * @param {Document} fetched
 */
function open(box, list, fetched) {
  list.replaceChildren(...(fetched.querySelector("[data-part='completions']")?.childNodes ?? []));
  const count = optionsOf(list).length;
  list.hidden = !count;
  box.setAttribute("aria-expanded", String(count > 0));
  active = -1;
  tell(count ? `${count} completion${count === 1 ? "" : "s"}` : "");
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} list
 */
function close(box, list) {
  clearTimeout(pause);
  clearTimeout(faultPause);
  running?.abort();
  active = -1;
  list.hidden = true;
  list.replaceChildren();
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
  tell("");
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} list
 * @param {number} number
 */
function choose(box, list, number) {
  const options = optionsOf(list);
  active = (number + options.length + (number < -1 ? 1 : 0)) % options.length;
  for (const [at, each] of options.entries()) each.setAttribute("aria-selected", String(at === active));
  const option = options[active];
  if (!option) return;
  box.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} list
 * @param {HTMLElement} option
 */
function take(box, list, option) {
  box.value = option.dataset.query ?? box.value;
  const cursor = Number(option.dataset.cursor);
  box.setSelectionRange(cursor, cursor);
  close(box, list);
  ask(box, list, option.dataset.goesOn !== undefined);
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} part
 */
function markFault(box, part) {
  const isWrong = part.childElementCount > 0;
  box.toggleAttribute("aria-invalid", isWrong);
  if (isWrong) box.setAttribute("aria-invalid", "true");
  if (isWrong) box.setAttribute("aria-describedby", "fault");
  else box.removeAttribute("aria-describedby");
}

/** @param {HTMLElement} list */
function optionsOf(list) {
  return /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role='option']")]);
}

/** @param {string} text */
function tell(text) {
  const told = document.getElementById("completions-told");
  if (told) told.textContent = text;
}
