// The counts of a live list while somebody looks at it: counted anew every few seconds over the window as it is then,
// quietly, and not while the reader is in them.

import { fetchDocument, PartError, placeParts } from "./parts.js";

const EVERY_MS = 10_000; // a guess: counting reads the whole window, rows come by themselves
const COUNTS = ["histogram", "facets"];
let isCounting = false;

/** Keep the counts of a live list fresh. */
export function attachRecount() {
  if (location.pathname === "/lines") setInterval(recount, EVERY_MS);
}

async function recount() {
  if (isCounting || document.hidden || !document.getElementById("live")) return;
  isCounting = true;
  const address = location.href;
  try {
    for (const name of COUNTS) if (!isInUse(name)) await renew(name, address);
  } catch (error) {
    if (!(error instanceof PartError)) throw error; // the stream of rows tells of a server that is away
  } finally {
    isCounting = false;
  }
}

/**
 * @param {string} name
 * @param {string} address
 */
async function renew(name, address) {
  const wanted = new URL(address);
  wanted.searchParams.set("part", name);
  const fetched = await fetchDocument(wanted, new AbortController().signal, { isQuiet: true });
  if (address !== location.href || isInUse(name)) return;
  const open = folds(name).map((each) => each.open);
  placeParts(fetched);
  for (const [number, each] of folds(name).entries()) each.open = open[number] ?? each.open;
}

/** Whether the reader is in it, has written something there, or it is about to be another query's. @param {string} name */
function isInUse(name) {
  const part = partOf(name);
  const written = [...part.querySelectorAll("input:not([type=hidden])")];
  const isWritten = written.some((each) => each instanceof HTMLInputElement && each.value !== "");
  const isOld = part.inert || part.closest("[aria-busy=true]") !== null;
  return isOld || isWritten || part.matches(":hover") || part.contains(document.activeElement);
}

/** @param {string} name */
function folds(name) {
  return [...partOf(name).querySelectorAll("details")];
}

/** @param {string} name */
function partOf(name) {
  return /** @type {HTMLElement} */ (document.querySelector(`[data-part="${name}"]`));
}
