// The editor of notes: what is typed outlives a lost connection and a sign-in, and a note that is kept shows in place.

import { sendForm } from "./forms.js";
import { clearNotice, notify } from "./notice.js";
import { fetchDocument, LostError, PartError, placeParts } from "./parts.js";

const KEY = `draft of ${location.pathname}`; // kept by the browser for this tab alone

/** Take over the form of notes, where there is one. */
export function attachNotes() {
  document.addEventListener("submit", (event) => {
    if (event.target instanceof Element && event.target.matches(".sign-out")) sessionStorage.clear();
  });
  const form = document.querySelector("form.note-form");
  if (!(form instanceof HTMLFormElement)) return;
  restore(form);
  form.addEventListener("input", () => sessionStorage.setItem(KEY, JSON.stringify([...new FormData(form)])));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keep(form);
  });
}

/** @param {HTMLFormElement} form */
function restore(form) {
  const draft = sessionStorage.getItem(KEY);
  if (!draft) return;
  for (const [name, value] of JSON.parse(draft)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.value = value;
  }
  form.closest("details")?.setAttribute("open", "");
  say(form, "What you typed before is here again; it is not kept yet.");
}

/** @param {HTMLFormElement} form */
async function keep(form) {
  form.inert = true;
  try {
    const fault = await sendForm(form);
    say(form, fault || "The note is kept, and answers use it.");
    if (!fault) await shown(form);
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    const way = { name: "Try again", act: () => keep(form), again: error instanceof LostError };
    notify(`${error.message} The note is not kept yet; what you typed stays here.`, way);
  } finally {
    form.inert = false;
  }
}

/** @param {HTMLFormElement} form */
async function shown(form) {
  sessionStorage.removeItem(KEY);
  form.reset();
  clearNotice();
  placeParts(await fetchDocument(new URL(location.pathname, location.href), new AbortController().signal));
}

/**
 * @param {HTMLFormElement} form
 * @param {string} text
 */
function say(form, text) {
  const place = form.querySelector(".form-said");
  if (place) place.textContent = text;
}
