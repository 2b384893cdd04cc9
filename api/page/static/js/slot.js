// A stretch of the list of lines: its rows, or the room that they take while they are far from view. Rows that were taken
// out are the same elements when they come back; those that were forgotten are fetched again, up to the same last row.

import { fetchDocument } from "./parts.js";

const MOST_PAGES = 20;

/** @param {ParentNode} list */
export function rowsOf(list) {
  return /** @type {HTMLElement[]} */ ([...list.querySelectorAll("li.line")]);
}

/**
 * What names a row: the address of its line.
 * @param {HTMLElement | undefined} row
 */
export function nameOf(row) {
  return row?.querySelector("a.when")?.getAttribute("href") ?? "";
}

export class Slot {
  element = document.createElement("div");
  /** Which of its rows' folds were open when it was forgotten: numbers in the order of the document. @type {number[]} */
  open = [];
  /** @type {Promise<void> | null} */
  #fetching = null;

  /**
   * @param {string} address where its rows can be fetched again; empty where they cannot
   * @param {HTMLElement | null} list
   * @param {{height: number, last: string, count: number}} [before] what is known of rows that are not there
   */
  constructor(address, list, before = { height: 0, last: "", count: 0 }) {
    this.address = address;
    this.list = list;
    this.height = before.height;
    this.last = before.last;
    this.count = before.count;
    this.element.className = "slot";
    if (list) this.element.append(list);
    else this.#keepRoom();
    this.recount();
  }

  get isShown() {
    return this.element.firstChild !== null;
  }

  /** To be called when rows were added. */
  recount() {
    if (!this.list) return;
    this.count = this.list.children.length;
    this.last = nameOf(/** @type {HTMLElement} */ (this.list.lastElementChild ?? undefined));
  }

  /** Put its rows into the document, if they are at hand. */
  show() {
    if (this.isShown || !this.list) return;
    this.element.append(this.list);
    this.element.style.height = "";
  }

  /** Take its rows out of the document and keep their room; not while the reader's focus or selection is in them. */
  hide() {
    const selection = getSelection();
    const isUsed =
      this.element.contains(document.activeElement) ||
      (selection && !selection.isCollapsed && selection.containsNode(this.element, true));
    if (!this.isShown || isUsed) return;
    this.height = this.element.getBoundingClientRect().height;
    this.#keepRoom();
    this.element.replaceChildren();
  }

  /** Let rows that are out of the document go, where they can be fetched again. */
  forget() {
    if (this.isShown || !this.list || !this.address) return;
    const folds = [...this.list.querySelectorAll("details")];
    this.open = folds.flatMap((fold, number) => (fold.open ? [number] : []));
    this.list = null;
  }

  /**
   * Fetch its rows. Lines that came late may stand between them by now, so that more than a page is fetched where the
   * last row does not come in the first one: no line is left out between this stretch and the next. Raises PartError.
   * @param {AbortSignal} signal
   */
  fetch(signal) {
    this.#fetching ??= this.#fetch(signal).finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  /** @param {AbortSignal} signal */
  async #fetch(signal) {
    let address = this.address;
    /** @type {HTMLElement | null} */
    let list = null;
    for (let page = 0; page < MOST_PAGES && address; page++) {
      const fetched = await fetchRows(address, signal);
      if (!fetched.list) break;
      if (list) list.append(...fetched.list.children);
      else list = fetched.list;
      if (!this.last || cutBehind(list, this.last)) break;
      address = fetched.next;
    }
    if (!list || this.list) return;
    this.list = list;
    const folds = list.querySelectorAll("details");
    for (const number of this.open) folds[number]?.setAttribute("open", "");
    this.recount();
  }

  #keepRoom() {
    this.element.style.height = `${this.height}px`;
  }
}

/**
 * The rows at an address of the screen of lines, and what leads on from them. Raises PartError.
 * @param {string} address
 * @param {AbortSignal} signal
 */
export async function fetchRows(address, signal) {
  const wanted = new URL(address, location.href);
  wanted.searchParams.set("part", "rows");
  const part = (await fetchDocument(wanted, signal)).querySelector('[data-part="rows"]');
  const list = /** @type {HTMLElement | null} */ (part?.querySelector("ol.lines") ?? null);
  const pages = part?.querySelector("nav.pages") ?? null;
  const next = pages?.querySelector("a[rel=next]")?.getAttribute("href") ?? "";
  return { list: list && document.adoptNode(list), pages, next };
}

/**
 * Take out what stands behind a row; whether the row was found.
 * @param {HTMLElement} list
 * @param {string} name
 */
function cutBehind(list, name) {
  const rows = rowsOf(list);
  const place = rows.findLastIndex((row) => nameOf(row) === name);
  if (place >= 0) for (const row of rows.slice(place + 1)) row.remove();
  return place >= 0;
}
