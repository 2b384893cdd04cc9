// Asking without loading the page anew: the answer arrives part by part as the server finds it. An answer that breaks
// off is never left looking whole.

import { eventsOf } from "./events.js";
import { takeOver } from "./navigate.js";
import { clearNotice, notify, sentence } from "./notice.js";
import { fetchDocument, LostError, PartError, placeParts, reach } from "./parts.js";

const SILENT_MS = 8000; // a guess, as in waiting.js
/** @type {AbortController | null} */
let running = null;
let shown = "";

/** Take over the question's form, and links that ask. */
export function attachAsk() {
  if (!questionForm()) return;
  shown = location.search;
  takeOver("/", goTo, isQuestion);
  window.addEventListener("popstate", () => {
    if (location.search !== shown) show(new URL(location.href));
  });
}

/** @returns {HTMLFormElement | null} */
function questionForm() {
  return document.querySelector("form.ask");
}

/** Whether an address asks something, and is shown in the zone that this page is in. @param {URL} address */
function isQuestion({ searchParams }) {
  const zone = new URL(location.href).searchParams.get("zone");
  return Boolean(searchParams.get("q")?.trim()) && searchParams.get("zone") === zone;
}

/** @param {URL} address */
function goTo(address) {
  if (address.search !== location.search) history.pushState(null, "", address);
  show(address);
}

/** @param {URL} address */
async function show(address) {
  running?.abort();
  const control = new AbortController();
  running = control;
  shown = address.search;
  clearNotice();
  fillForm(address);
  try {
    if (address.searchParams.get("q")) await ask(address, control);
    else placeParts(await fetchDocument(address, control.signal));
  } catch (error) {
    if (running !== control) return;
    if (control.signal.aborted) breakOff("You stopped it: this is not a whole answer.", address, false);
    else if (error instanceof PartError)
      breakOff(`${error.message} There is no whole answer.`, address, error instanceof LostError);
    else throw error;
  }
}

/**
 * The form says what is asked, whoever asked it: a link, or the browser's way back.
 * @param {URL} address
 */
function fillForm(address) {
  const form = /** @type {HTMLFormElement} */ (questionForm());
  for (const input of form.querySelectorAll("input")) input.value = address.searchParams.get(input.name) ?? "";
  const window = form.querySelector("details");
  if (window && (address.searchParams.has("start") || address.searchParams.has("end"))) window.open = true;
  document.title = `${address.searchParams.get("q") || "Ask"} · Dejalog`;
}

/**
 * @param {URL} address
 * @param {AbortController} control
 */
async function ask(address, control) {
  const place = beginAnswer(control);
  const live = new URL(address);
  live.pathname = "/ask/live";
  const reply = await reach(live, { signal: control.signal, headers: { Accept: "text/event-stream" } });
  let isWhole = false;
  for await (const { name, data } of eventsOf(reply)) {
    place.heard();
    if (name === "failed") throw new PartError(data);
    isWhole = name === "done" || name === "fault";
    if (name === "step") place.say(data);
    else if (!isWhole || data) place.put(name, data);
  }
  if (!isWhole) throw new LostError("The connection was lost.");
  place.end();
}

/**
 * Empty places for an answer, as the server made them, with what is being done above them.
 * @param {AbortController} control
 */
function beginAnswer(control) {
  const asked = /** @type {HTMLElement} */ (document.querySelector('[data-part="asked"]'));
  const places = /** @type {HTMLTemplateElement} */ (document.getElementById("asking")).content.cloneNode(true);
  asked.replaceChildren(places);
  const answer = /** @type {HTMLElement} */ (asked.querySelector(".answer"));
  const doing = /** @type {HTMLElement} */ (asked.querySelector(".asking"));
  const said = /** @type {HTMLElement} */ (doing.querySelector("[role=status]"));
  answer.setAttribute("aria-busy", "true");
  said.textContent = "Asking…";
  doing.querySelector("[data-stop]")?.addEventListener("click", () => control.abort());
  const silence = new Silence(said);
  control.signal.addEventListener("abort", () => silence.end());
  return {
    heard: () => silence.begin(),
    say: (/** @type {string} */ text) => {
      said.textContent = text;
    },
    put: (/** @type {string} */ name, /** @type {string} */ markup) => {
      const fetched = new DOMParser().parseFromString(markup, "text/html");
      if (name === "claim") answer.querySelector(".claims")?.append(...fetched.body.children);
      else placeParts(fetched);
    },
    end: () => {
      silence.end();
      answer.removeAttribute("aria-busy");
      doing.remove();
    },
  };
}

/** Says how long nothing has been heard, once that is long. */
class Silence {
  /** @param {HTMLElement} said */
  constructor(said) {
    this.said = said;
    this.timer = 0;
    this.begin();
  }

  begin() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.said.textContent = `${this.said.textContent} This is taking long.`;
    }, SILENT_MS);
  }

  end() {
    clearTimeout(this.timer);
  }
}

/**
 * Mark what came as not whole and offer to ask again.
 * @param {string} text
 * @param {URL} address
 * @param {boolean} isLost
 */
function breakOff(text, address, isLost) {
  const way = { name: "Try again", act: () => show(address), again: isLost };
  const doing = document.querySelector(".asking");
  const answer = document.querySelector(".answer[aria-busy]");
  if (!doing || !answer) {
    notify(text, way);
    return;
  }
  answer.removeAttribute("aria-busy");
  answer.classList.add("broken");
  doing.classList.add("fault");
  doing.setAttribute("role", "alert");
  doing.replaceChildren(...sentence(text, way));
  if (isLost)
    window.addEventListener("online", way.act, { once: true, signal: /** @type {AbortController} */ (running).signal });
}
