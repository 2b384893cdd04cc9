// The zone in which times are shown: the server writes them, this offers the browser's own zone and the names of all.

import { onPart } from "./parts.js";

/** Offer the browser's zone wherever the choice of a zone stands. */
export function attachZone() {
  onPart("zone", offerOwnZone);
  document.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "zone" && target.type === "text") offerNames(target);
  });
}

/** @param {HTMLElement} part */
function offerOwnZone(part) {
  const link = part.querySelector("a[data-own-zone]");
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isThere = [...part.querySelectorAll("a")].some((each) => each.textContent === own);
  if (!(link instanceof HTMLAnchorElement) || !own || isThere) return;
  const address = new URL(link.href);
  address.searchParams.set("zone", own);
  link.href = String(address);
  link.textContent = own;
  link.title = "The zone of this browser";
  /** @type {HTMLElement} */ (link.parentElement).hidden = false;
}

/** @param {HTMLInputElement} box */
function offerNames(box) {
  if (!document.getElementById("zones")) {
    const names = document.createElement("datalist");
    names.id = "zones";
    for (const name of Intl.supportedValuesOf("timeZone")) names.append(new Option("", name));
    document.body.append(names);
  }
  box.setAttribute("list", "zones");
}
