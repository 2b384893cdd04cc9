// A screen that changes in place: what was asked for last is what is shown, the query box says its query unless somebody
// typed in it meanwhile, and what went wrong is told.

import { clearNotice, notify } from "./notice.js";
import { PartError } from "./parts.js";

export class Screen {
  /** @type {AbortController | null} */
  #running = null;
  #shown = "";

  /**
   * @param {string} id of the element that is busy meanwhile
   * @param {(address: URL | Location) => string} [nameOf] what of an address the screen depends on
   */
  constructor(id, nameOf = (address) => address.search) {
    this.busy = /** @type {HTMLElement} */ (document.getElementById(id));
    this.nameOf = nameOf;
    this.#shown = nameOf(location);
  }

  /** Follow the browser's way back and forward. @param {(address: URL) => void} show */
  onReturn(show) {
    window.addEventListener("popstate", () => {
      if (this.nameOf(location) !== this.#shown) show(new URL(location.href));
    });
  }

  /** Give up what was asked for before; the signal ends when something else is asked for. @param {URL} address */
  begin(address) {
    this.#running?.abort();
    this.#running = new AbortController();
    this.#shown = this.nameOf(address);
    return this.#running.signal;
  }

  /**
   * Fetch what an address shows and put it in place; returns the signal of `begin` where that was done, else nothing.
   * @param {URL} address
   * @param {(signal: AbortSignal) => Promise<void>} place
   * @param {() => void} again
   */
  async show(address, place, again) {
    const signal = this.begin(address);
    const before = queryBox()?.value;
    this.busy.setAttribute("aria-busy", "true");
    try {
      await place(signal);
      fillBox(address, before);
      clearNotice();
      return signal;
    } catch (error) {
      if (!signal.aborted) this.explain(error, "What is shown is older.", again);
      return null;
    } finally {
      if (!signal.aborted) this.busy.removeAttribute("aria-busy");
    }
  }

  /**
   * @param {unknown} error
   * @param {string} consequence
   * @param {() => void} again
   */
  explain(error, consequence, again) {
    if (!(error instanceof PartError)) throw error;
    this.#shown = "";
    notify(`${error.message} ${consequence}`, { name: "Try again", act: again, again: true });
  }
}

function queryBox() {
  return /** @type {HTMLInputElement | null} */ (document.getElementById("query"));
}

/**
 * @param {URL} address
 * @param {string | undefined} before what stood in the box as this was asked for
 */
function fillBox(address, before) {
  const box = queryBox();
  if (box && box.value === before) box.value = address.searchParams.get("query") ?? "";
}
