// Forms that change something (`data-in-place`) without loading the page anew: what was done is told where the reader is.

import { clearNotice, notify } from "./notice.js";
import { PartError, placeParts, request } from "./parts.js";

/** Send such forms from here; without this module the browser does. */
export function attachEdits() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-in-place")) return;
    event.preventDefault();
    if (form.getAttribute("aria-busy") !== "true") send(form, event.submitter);
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} button
 */
async function send(form, button) {
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form, button)) body.append(name, String(value));
  const address = new URL(form.getAttribute("action") ?? "", location.href);
  form.setAttribute("aria-busy", "true");
  try {
    await show(await request(address, { method: "POST", body, headers: { Accept: "text/html" } }));
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    notify(error.message, { name: "Try again", act: () => send(form, button) });
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/**
 * The page that the server sent the browser on to: put in place where it is this one, else gone to.
 * @param {Response} reply
 */
async function show(reply) {
  const fetched = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fault = fetched.querySelector(".fault");
  if (!reply.ok) return notify(fault?.textContent?.trim() ?? "The server could not do this.");
  if (new URL(reply.url).pathname !== location.pathname) return location.assign(reply.url);
  placeParts(fetched);
  document.title = fetched.title;
  clearNotice();
  const said = document.querySelector(".said");
  if (said instanceof HTMLElement) said.focus({ preventScroll: true });
}
