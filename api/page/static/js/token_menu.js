// A click on a word of a line, or on words that are selected, opens links that filter by it. The server writes the
// links, in the query language's own quoting; this finds the word.

import { goTo } from "./lines.js";
import { isPlain } from "./navigate.js";
import { notify } from "./notice.js";
import { fetchDocument, PartError } from "./parts.js";

const TOKEN = /[^\s"'`()[\]{}<>,;=|]+/g;
const MESSAGE = ".said-text > .message, .said-text > .fold > .message, .one > .message";
const PIECES = `${MESSAGE}, .line .level`;
const LIST = ["query", "start", "end", "service", "level", "pattern", "order", "zone", "columns", "wrap", "live"];
const menu = /** @type {HTMLElement} */ (document.getElementById("token-menu"));

/** @type {AbortController | null} */
let running = null;
/** The words of the message that the menu is about, and which of them it is; none after a selection. */
/** @type {{message: Element, words: Range[], at: number} | null} */
let choice = null;

/** Open the menu by clicks on lines. */
export function attachTokenMenu() {
  document.addEventListener("click", onClick);
  menu.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("a")) menu.hidePopover();
  });
  menu.addEventListener("keydown", onKey);
  menu.addEventListener("toggle", (event) => {
    if (event instanceof ToggleEvent && event.newState === "closed" && !menu.matches(":popover-open")) goHome();
  });
  document.addEventListener("close", () => menu.hidePopover(), true); // with the dialog that it stands in
}

/** Back to where it does not go with a dialog or a part that is put in anew. */
function goHome() {
  CSS.highlights?.delete("token");
  document.body.append(menu);
}

/**
 * Choose among the words of a line by the arrow keys, beginning with the first.
 * @param {Element} line
 */
export function chooseWord(line) {
  const message = line.querySelector(MESSAGE);
  const words = message ? wordsOf(message) : [];
  if (message && words.length) showWord({ message, words, at: 0 });
}

/**
 * Go where the menu's link leads: lines with or without what is selected, else with or without the line's pattern.
 * @param {Element | null} line
 * @param {"in" | "out"} way
 */
export async function filterBy(line, way) {
  const selected = selectedText();
  const pattern = line instanceof HTMLElement ? line.dataset.pattern : undefined;
  if (!selected && !pattern) return;
  const asked = selected ? { text: selected } : { of_pattern: pattern ?? "" };
  const found = await ask(menuAddress(asked, line));
  const link = found?.querySelector(`a[data-way$="-${way}"]`);
  if (!link) return;
  const address = new URL(link.getAttribute("href") ?? "", location.href);
  if (location.pathname === "/lines") goTo(address);
  else location.assign(address);
}

/** @param {MouseEvent} event */
function onClick(event) {
  if (!isPlain(event) || event.detail > 1 || !(event.target instanceof Element)) return;
  if (event.target.closest("a, button, summary")) return;
  const piece = event.target.closest(PIECES);
  if (!piece) return;
  const selected = selectedText();
  const at = { x: event.clientX, y: event.clientY };
  if (piece.matches(".level")) return open({ of_level: levelOf(piece) }, piece, at);
  if (selected) return open({ text: selected }, piece, at);
  const words = wordsOf(piece);
  const number = words.findIndex((word) => [...word.getClientRects()].some((box) => holds(box, at)));
  if (number >= 0) showWord({ message: piece, words, at: number });
}

/** @param {{message: Element, words: Range[], at: number}} chosen */
function showWord(chosen) {
  const word = chosen.words[chosen.at];
  if (!word) return;
  if (typeof Highlight !== "undefined") CSS.highlights.set("token", new Highlight(word));
  const box = word.getBoundingClientRect();
  open({ text: String(word) }, chosen.message, { x: box.left, y: box.bottom }, chosen);
}

/**
 * @param {Record<string, string>} asked
 * @param {Element} piece
 * @param {{x: number, y: number}} at
 * @param {{message: Element, words: Range[], at: number} | null} chosen
 */
async function open(asked, piece, at, chosen = null) {
  const found = await ask(menuAddress(asked, piece));
  if (!found) return;
  choice = chosen;
  menu.replaceChildren(...found.childNodes);
  const place = document.querySelector("dialog[open]") ?? document.getElementById("content") ?? document.body; // what is outside of a dialog cannot be used
  if (menu.parentElement !== place) place.append(menu);
  if (!menu.matches(":popover-open")) menu.showPopover(); // once, so that the focus returns to where it was before
  menu.style.left = `${Math.max(4, Math.min(at.x, innerWidth - menu.offsetWidth - 4))}px`;
  menu.style.top = `${at.y + menu.offsetHeight + 8 > innerHeight ? Math.max(4, at.y - menu.offsetHeight - 24) : at.y + 4}px`;
  menu.querySelector("a")?.focus();
}

/**
 * The menu that the server answers; nothing where another one was asked for meanwhile.
 * @param {URL} address
 * @returns {Promise<Element | null>}
 */
async function ask(address) {
  running?.abort();
  const control = new AbortController();
  running = control;
  try {
    return (await fetchDocument(address, control.signal)).querySelector("[data-part='token-menu']");
  } catch (error) {
    if (control.signal.aborted) return null;
    if (!(error instanceof PartError)) throw error;
    notify(error.message);
    return null;
  }
}

/**
 * @param {Record<string, string>} asked
 * @param {Element | null} piece
 */
function menuAddress(asked, piece) {
  const address = new URL("/lines/menu", location.href);
  const line = piece?.closest(".line, .one");
  const isList = location.pathname === "/lines";
  for (const [name, value] of new URLSearchParams(location.search))
    if (isList ? LIST.includes(name) : name === "zone") address.searchParams.append(name, value);
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  const { pattern = "", service = "" } = line instanceof HTMLElement ? line.dataset : {};
  if (pattern && asked.text) address.searchParams.set("of_pattern", pattern);
  if (service && asked.text) address.searchParams.set("of_service", service);
  const link = line?.querySelector("a.when");
  const id = link instanceof HTMLAnchorElement ? /^\/lines\/([^/]+)$/.exec(link.pathname)?.[1] : undefined;
  if (id) address.searchParams.set("of_line", decodeURIComponent(id));
  const time = line?.querySelector("time")?.dateTime;
  if (!isList && time) address.searchParams.set("time", time);
  return address;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const ways = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("a, button")]);
  const at = ways.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) ways[(at + step + ways.length) % ways.length]?.focus();
  else if (turn && choice) {
    const number = choice.at + turn;
    if (number >= 0 && number < choice.words.length) showWord({ ...choice, at: number });
  } else return;
  event.preventDefault();
}

/**
 * The words of a message, in order. Marks stand for characters that cannot be seen, so they part words.
 * @param {Element} message
 */
function wordsOf(message) {
  const words = [];
  const walker = document.createTreeWalker(message, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement?.closest(".mark")) continue;
    for (const found of (node.nodeValue ?? "").matchAll(TOKEN)) {
      const length = found[0].replace(/[.:!?…]+$/, "").length;
      if (!/[\p{L}\p{N}]/u.test(found[0])) continue;
      const word = document.createRange();
      word.setStart(node, found.index);
      word.setEnd(node, found.index + length);
      words.push(word);
    }
  }
  return words;
}

/** What is selected inside of one message; empty for nothing, or where marks are in it, which no line holds. */
function selectedText() {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return "";
  const range = selection.getRangeAt(0);
  const inside = range.commonAncestorContainer;
  const element = inside instanceof Element ? inside : inside.parentElement;
  if (!element?.closest(MESSAGE) || range.cloneContents().querySelector(".mark")) return "";
  return String(selection).trim();
}

/** @param {Element} piece */
function levelOf(piece) {
  const name = [...piece.classList].find((each) => each.startsWith("level-"))?.slice("level-".length) ?? "";
  return name === "none" ? "unknown" : name;
}

/**
 * @param {DOMRect} box
 * @param {{x: number, y: number}} at
 */
function holds(box, at) {
  return at.x >= box.left && at.x <= box.right && at.y >= box.top && at.y <= box.bottom;
}
