// Parts of the page, rendered by the server: fetched anew and put in the place of the old ones. No module builds HTML
// from log text, so that there is one place that makes it harmless: the server's templates.

import { keepFocus } from "./focus.js";
import { noticeNewer } from "./newer.js";
import { PartError, whileTold } from "./waiting.js";

export { PartError };

/** The server was not reached, or its reply broke off: worth another try when the network is back. */
export class LostError extends PartError {}

/**
 * The document that an address of our own answers. Raises PartError; an aborted request raises the browser's AbortError.
 * A 400 is an answer, too: it says what is wrong with the query. A quiet one is nobody waiting for.
 * @param {URL} address
 * @param {AbortSignal} signal
 * @param {{isQuiet?: boolean}} [how]
 * @returns {Promise<Document>}
 */
export async function fetchDocument(address, signal, { isQuiet = false } = {}) {
  const read = async (/** @type {AbortSignal} */ both) => {
    const reply = await reach(address, { signal: both, headers: { Accept: "text/html" } });
    return new DOMParser().parseFromString(await whole(reply), "text/html");
  };
  return isQuiet ? read(signal) : whileTold(signal, read);
}

/**
 * A reply that is of use, waited for. Raises PartError and AbortError.
 * @param {URL} address
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
export function request(address, options) {
  return whileTold(options.signal ?? new AbortController().signal, (signal) => reach(address, { ...options, signal }));
}

/**
 * A reply that is of use, of which nothing is told while it is waited for. Raises PartError and AbortError.
 * @param {URL} address
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
export async function reach(address, options) {
  const reply = await orLost(fetch(address, options), "The server cannot be reached.");
  noticeNewer(reply);
  if (reply.status === 401) {
    location.reload(); // the page that asks for the token comes in its place, and leads back here
    throw new PartError("The session is over.");
  }
  if (reply.ok || reply.status === 400 || reply.type === "opaqueredirect") return reply;
  throw new PartError(`The server could not do this (${reply.status}).`);
}

/**
 * The whole text of a reply. Raises LostError where it broke off.
 * @param {Response} reply
 */
export function whole(reply) {
  return orLost(reply.text(), "The connection was lost.");
}

/**
 * What is awaited of the network; its own failures become a LostError of these words.
 * @template T
 * @param {Promise<T>} awaited
 * @param {string} words
 */
export async function orLost(awaited, words) {
  try {
    return await awaited;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new LostError(words);
  }
}

/**
 * Put each part of a fetched document in the place of the old one, and tell the modules.
 * @param {Document} fetched
 */
export function placeParts(fetched) {
  for (const part of fetched.querySelectorAll("[data-part]")) {
    const name = part.getAttribute("data-part");
    const old = document.querySelector(`[data-part="${name}"]`);
    if (!(old instanceof HTMLElement)) continue;
    keepFocus(old, () => old.replaceChildren(...part.childNodes));
    old.dispatchEvent(new CustomEvent("placed", { bubbles: true, detail: name }));
  }
}

/**
 * Call `attach` with the part of that name: now, and each time it has been put in anew.
 * @param {string} name
 * @param {(part: HTMLElement) => void} attach
 */
export function onPart(name, attach) {
  const part = document.querySelector(`[data-part="${name}"]`);
  if (part instanceof HTMLElement) attach(part);
  document.addEventListener("placed", (event) => {
    if (event instanceof CustomEvent && event.detail === name && event.target instanceof HTMLElement)
      attach(event.target);
  });
}
