// Marks of claims: the first click goes to the line that proves it, the second opens that line with its context.

import { isPlain } from "./navigate.js";

/** Marks that are shown now or later. */
export function attachCitations() {
  document.addEventListener("click", onClick);
}

/** @param {MouseEvent} event */
function onClick(event) {
  if (!isPlain(event)) return;
  const mark = event.target instanceof Element ? event.target.closest(".cite a") : null;
  const target = mark?.getAttribute("href") ?? "";
  const line = target && document.querySelector(`${target} a.when`);
  if (!(line instanceof HTMLAnchorElement)) return;
  if (location.hash === target) {
    event.preventDefault();
    line.click();
  } else setTimeout(() => line.focus()); // when the browser has gone there: from here Enter opens the line
}
