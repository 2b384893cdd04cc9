// What somebody waits for: shown as busy when it is not there at once, and said to take long, with a way to stop it.

import { notify } from "./notice.js";

const BUSY_MS = 400;
const LONG_MS = 8000; // both guesses: less is felt as at once, and who waits longer wonders whether anything happens
let waiting = 0;

/** What went wrong with a request, in words for people. */
export class PartError extends Error {}

/**
 * What the work returns. Raises what it raises, and PartError when whoever waits stops it.
 * @template T
 * @param {AbortSignal} signal
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function whileTold(signal, work) {
  const stop = new AbortController();
  const told = tellOf(stop);
  try {
    return await work(AbortSignal.any([signal, stop.signal]));
  } catch (error) {
    if (stop.signal.aborted && !signal.aborted) throw new PartError("It was cancelled.");
    throw error;
  } finally {
    told();
  }
}

/**
 * Tell of what is waited for now; returns what ends the telling.
 * @param {AbortController} stop
 */
function tellOf(stop) {
  let isBusy = false;
  let withdraw = () => {};
  const busy = setTimeout(() => {
    isBusy = true;
    mark(1);
  }, BUSY_MS);
  const long = setTimeout(() => {
    withdraw = notify("This is taking long.", { name: "Cancel", act: () => stop.abort() });
  }, LONG_MS);
  return () => {
    clearTimeout(busy);
    clearTimeout(long);
    withdraw();
    if (isBusy) mark(-1);
  };
}

/** @param {number} more */
function mark(more) {
  waiting += more;
  document.documentElement.toggleAttribute("data-busy", waiting > 0);
}
