// A list that is live: new rows are put in at its newest edge while the reader is there, and wait while the reader is
// elsewhere or says so. The newest rows are kept, the server says how many; older ones go at the far end.

import { clearNotice, notify } from "./notice.js";
import { rowsOf } from "./slot.js";
import { Stream } from "./stream.js";

const EDGE_PX = 24; // this far from the newest edge is still at it (a guess: one row)
const WHY = { "": "", asked: "", away: "as you scrolled away", reading: "while you are in a line" };
const ROOM_PX = 8; // between the newest row at the bottom and the edge of the window

/**
 * Follow what is new; the function that is returned ends it.
 * @param {HTMLElement} bar what says how the list stands, with the stream's address and how many rows are kept
 * @param {import("./line_list.js").LineList} list
 */
export function follow(bar, list) {
  const live = new Live(bar, list);
  return () => live.stop();
}

class Live {
  /** Rows that are not shown yet. @type {import("./stream.js").NewRows[]} */
  #waiting = [];
  #isDue = false;
  #isLost = false;
  /** @type {"" | "asked" | "away" | "reading"} */
  #paused = "";
  #new = 0;
  /** Whether it was live as the pointer was pressed last, and as the line was opened that is in the drawer. */
  #wasLive = { press: false, drawer: false };
  #control = new AbortController();

  /**
   * @param {HTMLElement} bar
   * @param {import("./line_list.js").LineList} list
   */
  constructor(bar, list) {
    this.list = list;
    this.kept = Number(bar.dataset.kept);
    this.isAtEnd = bar.dataset.order === "oldest";
    this.state = part(bar, ".live-state");
    this.why = part(bar, ".live-why");
    this.pause = part(bar, '[data-action="pause"]');
    this.more = part(bar, '[data-action="new"]');
    const options = { signal: this.#control.signal };
    this.pause.addEventListener("click", () => (this.#paused ? this.#resume() : this.#pause("asked")), options);
    this.more.addEventListener("click", () => this.#resume(), options);
    list.box.addEventListener("focusin", () => this.#paused || this.#pause("reading"), options);
    addEventListener("scroll", () => this.#onScroll(), { ...options, passive: true });
    const menu = /** @type {HTMLElement} */ (document.getElementById("token-menu"));
    menu.addEventListener("toggle", (event) => this.#onMenu(event), options);
    const drawer = /** @type {HTMLElement} */ (document.getElementById("drawer"));
    addEventListener("pointerdown", () => this.#press(), { ...options, capture: true });
    addEventListener("keydown", () => this.#press(false), { ...options, capture: true });
    list.box.addEventListener("click", (event) => this.#onClick(event), options);
    drawer.addEventListener("close", () => this.#onDrawerClosed(), options);
    this.#stand();
    this.stream = new Stream(new URL(bar.dataset.stream ?? "", location.href), {
      rows: (rows) => this.#take(rows),
      reset: () =>
        notify("The server's store was set up anew; the list goes on with what comes now.", {
          name: "OK",
          act: clearNotice,
        }),
      lost: () => this.#lose(),
      open: () => this.#found(),
    });
    if (this.isAtEnd) this.#goToEdge();
  }

  stop() {
    this.#control.abort();
    this.stream.stop();
    if (this.#isLost) clearNotice();
  }

  /** @param {import("./stream.js").NewRows} rows */
  #take(rows) {
    this.#waiting.push(rows);
    this.#new += rows.count + rows.skipped;
    let left = this.#waiting.reduce((sum, each) => sum + each.count, 0);
    for (let first = this.#waiting[0]; first && left - first.count >= this.kept; first = this.#waiting[0]) {
      left -= first.count;
      this.#waiting.shift();
      if (this.#waiting[0]) this.#waiting[0].skipped += first.count + first.skipped;
    }
    if (this.#paused) this.#stand();
    else this.#showSoon();
  }

  /** One event's rows a frame: the page stays smooth through a burst. */
  #showSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      if (this.#paused || this.#control.signal.aborted) return;
      const rows = this.#waiting.shift();
      if (rows) this.#put(rows);
      if (this.#waiting.length) this.#showSoon();
      else this.#new = 0;
    });
  }

  /** @param {import("./stream.js").NewRows} rows */
  #put({ html, skipped }) {
    if (skipped) {
      this.list.clear(); // what is there does not lead to these rows, which are as many as are kept
      this.#showEnds();
    }
    const rows = rowsOf(new DOMParser().parseFromString(html, "text/html"));
    this.list.add(this.isAtEnd ? rows : rows.reverse(), this.isAtEnd);
    if (this.list.drop(this.kept, !this.isAtEnd)) this.#showEnds();
    if (this.isAtEnd) this.#goToEdge();
    this.list.look();
  }

  /** Older lines do not begin where the list ends any more. */
  #showEnds() {
    const ends = this.list.pages;
    if (!ends) return;
    part(ends, ".live-older").hidden = true;
    part(ends, ".live-dropped").hidden = false;
  }

  /** @param {"asked" | "away" | "reading"} why */
  #pause(why) {
    this.#paused = why;
    this.#new = this.#waiting.reduce((sum, each) => sum + each.count + each.skipped, 0);
    this.#stand();
  }

  #resume() {
    const isAway = this.#paused !== "" && !this.#isAtEdge();
    this.#paused = "";
    this.#stand();
    if (isAway) this.#goToEdge();
    if (this.#waiting.length) this.#showSoon();
  }

  /** @param {boolean} [isPointer] or a key, which comes to a row before it opens it */
  #press(isPointer = true) {
    this.#wasLive.press = isPointer && !this.#paused;
  }

  /** A line is opened beside the list, which waits meanwhile. @param {Event} event */
  #onClick({ target }) {
    this.#wasLive.drawer = this.#wasLive.press && target instanceof Element && target.closest("a.when") !== null;
  }

  /** Who only looked at a line, by the pointer, is where the list was live; who is in a row by keyboard stays there. */
  #onDrawerClosed() {
    if (this.#wasLive.drawer && this.#paused === "reading") this.#resume();
    this.#wasLive.drawer = false;
  }

  /** The word that the menu is about stays beside it. @param {Event} event */
  #onMenu(event) {
    if (event instanceof ToggleEvent && event.newState === "open" && !this.#paused) this.#pause("reading");
  }

  #onScroll() {
    const isAtEdge = this.#isAtEdge();
    if (!isAtEdge && !this.#paused) this.#pause("away");
    else if (isAtEdge && this.#paused === "away") this.#resume();
  }

  #isAtEdge() {
    const { top, bottom } = this.list.box.getBoundingClientRect();
    return this.isAtEnd ? bottom <= innerHeight + EDGE_PX : top >= this.#above() - EDGE_PX;
  }

  #goToEdge() {
    const { top, bottom } = this.list.box.getBoundingClientRect();
    const over = this.isAtEnd
      ? Math.max(0, bottom - innerHeight + ROOM_PX)
      : Math.min(0, top - this.#above() - ROOM_PX);
    if (over) scrollBy({ top: over, behavior: "instant" });
  }

  /** What of the bar stands over the list when it sticks to the top. */
  #above() {
    return this.state.parentElement?.offsetHeight ?? 0;
  }

  #lose() {
    this.#isLost = true;
    notify("Connection lost, trying again.");
    this.#stand();
  }

  #found() {
    if (this.#isLost) clearNotice();
    this.#isLost = false;
    this.#stand();
  }

  /** Say how it stands. */
  #stand() {
    say(this.state, this.#isLost ? "No connection" : this.#paused ? "Paused" : "Live");
    this.state.dataset.stands = this.#isLost ? "lost" : this.#paused ? "paused" : "live";
    say(this.why, this.#isLost ? "" : WHY[this.#paused]);
    this.why.hidden = !this.why.textContent;
    say(this.pause, this.#paused ? "Resume" : "Pause");
    say(this.more, `${this.#new.toLocaleString("en").replaceAll(",", "\u202f")} new`);
    this.more.hidden = !this.#paused || this.#new === 0;
  }
}

/**
 * @param {HTMLElement} place
 * @param {string} text
 */
function say(place, text) {
  place.hidden = false;
  if (place.textContent !== text) place.textContent = text;
}

/**
 * @param {ParentNode} whole
 * @param {string} selector
 */
function part(whole, selector) {
  return /** @type {HTMLElement} */ (whole.querySelector(selector));
}
