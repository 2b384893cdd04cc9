// The screens of patterns and of incidents without loading the page anew: all their parts come with their own page.

import { takeOver } from "./navigate.js";
import { fetchDocument, placeParts } from "./parts.js";
import { Screen } from "./screen.js";

const PATHS = ["/patterns", "/incidents"];
/** @type {Screen} */
let screen;

/** Take over links and forms that lead from such a screen to itself. */
export function attachLists() {
  if (!PATHS.includes(location.pathname)) return;
  screen = new Screen("content");
  takeOver(location.pathname, goTo);
  screen.onReturn(show);
}

/** @param {URL} address */
async function goTo(address) {
  if (address.search !== location.search) history.pushState(null, "", address);
  await show(address);
  if (address.searchParams.has("cursor"))
    document.querySelector('[data-part="controls"]')?.parentElement?.scrollIntoView();
}

/** @param {URL} address */
async function show(address) {
  const place = async (/** @type {AbortSignal} */ signal) => {
    const fetched = await fetchDocument(address, signal);
    placeParts(fetched);
    document.title = fetched.title;
  };
  await screen.show(address, place, () => show(address));
}
