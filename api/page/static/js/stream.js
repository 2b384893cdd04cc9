// A stream of server-sent events that is opened again whenever it breaks, exactly where it stopped: each event is heard
// once. In a hidden tab it is closed, since nobody reads there and browsers allow six connections to a server in all.

import { PartError, request } from "./parts.js";

const SILENT_MS = 30_000; // the server says something every 10 s: three times that is a dead connection
const AGAIN_MS = [1000, 2000, 5000, 10_000]; // before each further try (a guess)

/**
 * @typedef {{count: number, skipped: number, html: string}} NewRows
 * @typedef {object} Hears
 * @property {(rows: NewRows) => void} rows
 * @property {() => void} reset the server's store was set up anew
 * @property {() => void} lost
 * @property {() => void} open
 */

export class Stream {
  /** @type {EventSource | null} */
  #source = null;
  /** @type {number | undefined} */
  #timer;
  #tries = 0;
  #control = new AbortController();

  /**
   * @param {URL} address with the sequence to begin after
   * @param {Hears} hears
   */
  constructor(address, hears) {
    this.address = address;
    this.hears = hears;
    const signal = this.#control.signal;
    document.addEventListener("visibilitychange", () => this.#onVisible(), { signal });
    addEventListener("online", () => !this.#source && this.#try(), { signal });
    this.#onVisible();
  }

  /** Close it for good. */
  stop() {
    this.#control.abort();
    this.#close();
  }

  #onVisible() {
    if (document.hidden) this.#close();
    else if (!this.#source) this.#open();
  }

  #open() {
    this.#close();
    const source = new EventSource(this.address);
    this.#source = source;
    source.addEventListener("open", () => {
      this.#tries = 0;
      this.hears.open();
    });
    source.addEventListener("error", () => this.#broke());
    source.addEventListener("position", (event) => this.#heard(event));
    source.addEventListener("reset", (event) => {
      this.#heard(event);
      this.hears.reset();
    });
    source.addEventListener("rows", (event) => {
      this.#heard(event);
      this.hears.rows(JSON.parse(event.data));
    });
    this.#watch();
  }

  /** @param {MessageEvent} event */
  #heard(event) {
    this.address.searchParams.set("after", event.lastEventId);
    this.#watch();
  }

  #watch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#broke(), SILENT_MS);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #broke() {
    this.#close();
    this.hears.lost();
    const wait = AGAIN_MS[Math.min(this.#tries, AGAIN_MS.length - 1)];
    this.#tries += 1;
    this.#timer = setTimeout(() => this.#try(), wait);
  }

  /** Open it if the server answers; an `EventSource` does not tell a server that is away from a session that is over. */
  async #try() {
    clearTimeout(this.#timer);
    try {
      await request(new URL("/v1/status", location.href), { signal: this.#control.signal });
    } catch (error) {
      if (this.#control.signal.aborted) return;
      if (!(error instanceof PartError)) throw error;
      if (!document.hidden) this.#broke();
      return;
    }
    if (!document.hidden && !this.#source) this.#open();
  }
}
