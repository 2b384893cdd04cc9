// The status screen while somebody looks at it: figures change in place every few seconds, quietly; how old they are is
// said, and when the server is away.

import { clearNotice, notify } from "./notice.js";
import { fetchDocument, PartError } from "./parts.js";
import { renew } from "./renew.js";

const EVERY_MS = 5000; // a guess: two looks show whether something moves
let heardAt = Date.now();
let isAway = false;
/** @type {AbortController | null} */
let running = null;

/** Keep the status screen fresh. */
export function attachStatus() {
  if (location.pathname !== "/status") return;
  setInterval(tellAge, 1000);
  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("online", look);
}

async function look() {
  if (document.hidden || running) return;
  running = new AbortController();
  try {
    show(await fetchDocument(new URL(location.href), running.signal, { isQuiet: true }));
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    if (!isAway)
      notify(`${error.message} The figures are those of ${clock(heardAt)}.`, { name: "Try again", act: look });
    isAway = true;
  } finally {
    running = null;
  }
}

/** @param {Document} fetched */
function show(fetched) {
  const figures = fetched.querySelector('[data-part="figures"]');
  const old = document.querySelector('[data-part="figures"]');
  if (figures && old) renew(old, figures);
  heardAt = Date.now();
  if (isAway) clearNotice();
  isAway = false;
  tellAge();
}

function tellAge() {
  const age = document.getElementById("age");
  const seconds = Math.round((Date.now() - heardAt) / 1000);
  if (age) age.textContent = seconds < 2 ? "Updated just now" : `Updated ${seconds} s ago`;
}

/** As the server writes times: in the zone of the screen. @param {number} time */
function clock(time) {
  const zone = new URL(location.href).searchParams.get("zone") || "UTC"; // the server has refused any that is none
  return `${new Intl.DateTimeFormat("sv", { timeStyle: "medium", timeZone: zone }).format(time)} ${zone}`;
}
