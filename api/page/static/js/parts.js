// Parts of the page, rendered by the server: fetched anew and put in the place of the old ones. No module builds HTML
// from log text, so that there is one place that makes it harmless: the server's templates.

import { keepFocus } from "./focus.js";

/** What went wrong with a request, in words for people. */
export class PartError extends Error {}

/**
 * The document that an address of our own answers. Raises PartError; an aborted request raises the browser's AbortError.
 * A 400 is an answer, too: it says what is wrong with the query.
 * @param {URL} address
 * @param {AbortSignal} signal
 * @returns {Promise<Document>}
 */
export async function fetchDocument(address, signal) {
  const reply = await request(address, { signal, headers: { Accept: "text/html" } });
  return new DOMParser().parseFromString(await reply.text(), "text/html");
}

/**
 * A reply that is of use. Raises PartError and AbortError.
 * @param {URL} address
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
export async function request(address, options) {
  let reply;
  try {
    reply = await fetch(address, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new PartError("The server cannot be reached.");
  }
  if (reply.status === 401) {
    location.reload(); // the page that asks for the token comes in its place, and leads back here
    throw new PartError("The session is over.");
  }
  if (reply.ok || reply.status === 400) return reply;
  throw new PartError(`The server could not do this (${reply.status}).`);
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
