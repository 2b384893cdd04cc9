// Forms that are sent without leaving the page. The server answers as ever: a redirect when it is done, else a page that
// says why not.

import { request, whole } from "./parts.js";

/**
 * Send a form; returns why it was not taken, empty when it was. Raises PartError and AbortError.
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} [button]
 */
export async function sendForm(form, button) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form, button)) fields.append(name, String(value));
  const address = new URL(form.getAttribute("action") ?? "", location.href);
  const reply = await request(address, { method: "POST", body: fields, redirect: "manual" });
  if (reply.type === "opaqueredirect") return "";
  const page = new DOMParser().parseFromString(await whole(reply), "text/html");
  const words = [...page.querySelectorAll(".fault p")].map((each) => each.textContent);
  return words.join(". ") || "It was not kept.";
}
