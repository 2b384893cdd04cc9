// A list of lines of any length of which the document holds what is near the view: stretches of rows (slot.js) come and
// go as the reader scrolls, the next page is fetched before the end is reached, and what is read never moves.

import { clearNotice, notify } from "./notice.js";
import { PartError } from "./parts.js";
import { fetchRows, rowsOf, Slot } from "./slot.js";

const NEAR_PX = 2000; // rows this far above and below the view are in the document (a guess: two screens)
const PARKED_SLOTS = 30; // stretches that are kept out of the document, to come back at once (a guess)
const SLOT_ROWS = 100; // as many as a page has

export class LineList {
  box = document.createElement("div");
  /** @type {Slot[]} */
  slots = [];
  /** Slots within reach of the view. @type {Slot[]} */
  #near = [];
  /** Slots whose rows are at hand and not shown, the longest away first. @type {Slot[]} */
  #parked = [];
  #control = new AbortController();
  #isGrowing = false;

  /**
   * @param {HTMLElement} rows the list that the server rendered; its place is taken
   * @param {string} address where these rows can be fetched again; empty where they cannot
   * @param {HTMLElement | null} pages what leads to the next page
   */
  constructor(rows, address, pages) {
    this.pages = pages;
    this.box.className = "slots";
    rows.replaceWith(this.box);
    this.insert(new Slot(address, rows), 0);
    const options = { signal: this.#control.signal, passive: true };
    addEventListener("scroll", () => this.look(), options);
    addEventListener("resize", () => this.look(), options);
    this.look();
  }

  /** Where the next page is; empty at the end. */
  get next() {
    return this.pages?.querySelector("a[rel=next]")?.getAttribute("href") ?? "";
  }

  /**
   * Go on with another next page than the one that was rendered.
   * @param {string} next empty at the end
   */
  leadTo(next) {
    this.pages?.querySelector("a[rel=next]")?.remove();
    if (next) {
      const link = document.createElement("a");
      link.href = next;
      link.rel = "next";
      link.textContent = "Next lines";
      this.pages?.append(link);
    }
    this.look();
  }

  /** Leave what is shown as it is and do nothing more. */
  stop() {
    this.#control.abort();
  }

  /**
   * @param {Slot} slot
   * @param {number} place
   */
  insert(slot, place) {
    this.box.insertBefore(slot.element, this.slots[place]?.element ?? null);
    this.slots.splice(place, 0, slot);
    if (slot.isShown) this.#near.push(slot);
  }

  /** @param {Slot} slot */
  remove(slot) {
    this.slots.splice(this.slots.indexOf(slot), 1);
    this.#near = this.#near.filter((each) => each !== slot);
    slot.element.remove();
  }

  clear() {
    for (const slot of [...this.slots]) this.remove(slot);
  }

  /** Show what is near the view, take out what is far from it, and go on where the end is near. */
  look() {
    /** @type {Slot[]} */
    const near = [];
    for (let place = this.#firstBelow(-NEAR_PX); place < this.slots.length; place++) {
      const slot = /** @type {Slot} */ (this.slots[place]);
      if (slot.element.getBoundingClientRect().top > innerHeight + NEAR_PX) break;
      near.push(slot);
    }
    const gone = this.#near.filter((each) => !near.includes(each));
    const come = near.filter((each) => !each.isShown);
    this.#near = [...near, ...gone.filter((each) => each.isShown)];
    if (gone.length || come.some((each) => each.list))
      this.keepingPlace(() => {
        for (const slot of come) slot.show();
        for (const slot of gone) this.#park(slot);
      });
    for (const slot of come) if (!slot.isShown) this.load(slot);
    if (this.box.getBoundingClientRect().bottom < innerHeight + NEAR_PX) this.#grow();
  }

  /** The place of the first slot that ends below a height of the window: slots stand in order, one below the other.
   * @param {number} height
   */
  #firstBelow(height) {
    let [low, high] = [0, this.slots.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const bottom = this.slots[middle]?.element.getBoundingClientRect().bottom ?? 0;
      if (bottom > height) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * Change what is there, and scroll so that the first row that is seen stays where it is.
   * @param {() => void} change
   */
  keepingPlace(change) {
    const anchor = this.firstSeen()?.row;
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (!anchor?.isConnected) return;
    const moved = anchor.getBoundingClientRect().top - before;
    if (moved) scrollBy({ top: moved, behavior: "instant" });
  }

  /** The first row in the view and its slot; of a slot without rows the slot itself. */
  firstSeen() {
    const slot = this.slots[this.#firstBelow(0)];
    if (!slot) return null;
    const row = slot.isShown && rowsOf(slot.element).find((each) => each.getBoundingClientRect().bottom > 0);
    return { slot, row: row || slot.element };
  }

  /**
   * Make sure that the rows of a slot are shown; whether they are. Says what went wrong.
   * @param {Slot} slot
   */
  async load(slot) {
    try {
      if (!slot.list) await slot.fetch(this.#control.signal);
    } catch (error) {
      this.#explain(error, () => this.load(slot));
      return false;
    }
    if (this.#near.includes(slot)) this.keepingPlace(() => slot.show());
    else this.#park(slot);
    return slot.isShown;
  }

  /** @param {Slot} slot */
  #park(slot) {
    slot.hide();
    if (slot.isShown) return;
    this.#parked = [...this.#parked.filter((each) => each !== slot && !each.isShown), slot];
    while (this.#parked.length > PARKED_SLOTS) this.#parked.shift()?.forget();
  }

  /** Fetch the next page and put it at the end. */
  async #grow() {
    const address = this.next;
    if (this.#isGrowing || !address) return;
    this.#isGrowing = true;
    this.pages?.setAttribute("aria-busy", "true");
    try {
      const fetched = await fetchRows(address, this.#control.signal);
      if (fetched.list) this.#append(address, fetched.list);
      this.pages?.replaceChildren(...(fetched.pages?.childNodes ?? []));
    } catch (error) {
      this.#explain(error, () => this.look());
      return;
    } finally {
      this.#isGrowing = false;
      this.pages?.removeAttribute("aria-busy");
    }
    this.look();
  }

  /**
   * @param {string} address
   * @param {HTMLElement} rows
   */
  #append(address, rows) {
    const before = this.slots.reduce((sum, slot) => sum + slot.count, 0);
    rows.setAttribute("aria-label", `Lines ${before + 1} to ${before + rows.children.length}`);
    this.insert(new Slot(address, rows), this.slots.length);
  }

  /**
   * Rows that are new, in the order of the list, at its beginning or its end.
   * @param {HTMLElement[]} rows
   * @param {boolean} isAtEnd
   */
  add(rows, isAtEnd) {
    const edge = this.slots.at(isAtEnd ? -1 : 0);
    if (edge?.list && edge.isShown && edge.count + rows.length <= SLOT_ROWS) {
      if (isAtEnd) edge.list.append(...rows);
      else edge.list.prepend(...rows);
      edge.recount();
      return;
    }
    const list = document.createElement("ol");
    list.className = "lines";
    list.setAttribute("aria-label", "New lines");
    list.append(...rows);
    this.insert(new Slot("", list), isAtEnd ? this.slots.length : 0);
  }

  /**
   * Let go of what is too much at the other end, in whole slots; whether there was anything.
   * @param {number} most
   * @param {boolean} isAtEnd
   */
  drop(most, isAtEnd) {
    let left = this.slots.reduce((sum, slot) => sum + slot.count, 0);
    let isLess = false;
    for (let far = this.slots.at(isAtEnd ? -1 : 0); far && left - far.count >= most; ) {
      left -= far.count;
      this.remove(far);
      isLess = true;
      far = this.slots.at(isAtEnd ? -1 : 0);
    }
    return isLess;
  }

  /**
   * @param {unknown} error
   * @param {() => void} again
   */
  #explain(error, again) {
    if (this.#control.signal.aborted) return;
    if (!(error instanceof PartError)) throw error;
    const retry = () => {
      clearNotice();
      again();
    };
    notify(`${error.message} There are more lines.`, { name: "Try again", act: retry });
  }
}
