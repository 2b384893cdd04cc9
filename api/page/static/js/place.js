// Where the reader was in the list, kept with the entry of the browser's history: which stretches there were, and which
// row stood at the top. Coming back makes room for all of them and fetches those that are near.

import { nameOf, rowsOf, Slot } from "./slot.js";

/**
 * @typedef {{address: string, height: number, last: string, count: number, open: number[]}} Stretch
 * @typedef {{stretches: Stretch[], next: string, y: number, slot: number, row: string, offset: number}} Place
 */

/** @param {import("./line_list.js").LineList} list */
export function keepPlace(list) {
  const seen = list.firstSeen();
  const stretches = list.slots.map((each) => ({
    address: each.address,
    height: Math.round(each.isShown ? each.element.getBoundingClientRect().height : each.height),
    last: each.last,
    count: each.count,
    open: openFolds(each),
  }));
  /** @type {Place} */
  const place = {
    stretches,
    next: list.next,
    y: scrollY,
    slot: seen ? list.slots.indexOf(seen.slot) : 0,
    row: seen ? nameOf(seen.row) : "",
    offset: seen ? seen.row.getBoundingClientRect().top : 0,
  };
  history.replaceState({ ...history.state, place }, "");
}

/** @param {Slot} slot */
function openFolds(slot) {
  if (!slot.list) return slot.open;
  return [...slot.list.querySelectorAll("details")].flatMap((fold, number) => (fold.open ? [number] : []));
}

/**
 * Go where this entry of the history was left. A new entry begins at the top of its lines.
 * @param {import("./line_list.js").LineList} list
 * @param {boolean} isReturn
 */
export function restorePlace(list, isReturn) {
  const place = /** @type {Place | undefined} */ (history.state?.place);
  if (!place || !isReturn) {
    if (list.box.getBoundingClientRect().top < 0) scrollTo(0, 0);
    return;
  }
  if (place.stretches.length > 1 || place.stretches[0]?.open.length) rebuild(list, place);
  scrollTo({ top: place.y, behavior: "instant" });
  const slot = list.slots[place.slot];
  if (slot && place.offset <= 0) standAt(list, slot, place);
}

/**
 * @param {import("./line_list.js").LineList} list
 * @param {Place} place
 */
function rebuild(list, place) {
  list.clear();
  for (const each of place.stretches) {
    const slot = new Slot(each.address, null, each);
    slot.open = each.open;
    list.insert(slot, list.slots.length);
  }
  list.leadTo(place.next);
}

/**
 * Scroll until the row that was at the top is there again.
 * @param {import("./line_list.js").LineList} list
 * @param {Slot} slot
 * @param {Place} place
 */
async function standAt(list, slot, place) {
  list.look();
  if (!(await list.load(slot))) return;
  const row = rowsOf(slot.element).find((each) => nameOf(each) === place.row);
  if (row) scrollBy({ top: row.getBoundingClientRect().top - place.offset, behavior: "instant" });
}
