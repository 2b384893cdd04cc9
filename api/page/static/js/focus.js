// Whoever works by keyboard stays where they are when a part of the page is put in anew.

/**
 * Do it. If the focused element went with it, the one in its place that is named alike gets the focus.
 * @param {HTMLElement} part
 * @param {() => void} act
 */
export function keepFocus(part, act) {
  const before = document.activeElement;
  const isInside = before !== null && part.contains(before);
  act();
  if (isInside && !before.isConnected) focusAlike(part, before);
}

/**
 * Focus what in a part is named as an element that was there before.
 * @param {HTMLElement} part
 * @param {Element} before
 */
export function focusAlike(part, before) {
  const alike = [...part.querySelectorAll(before.localName)].find((each) => nameOf(each) === nameOf(before));
  if (alike instanceof HTMLElement) alike.focus({ preventScroll: true });
}

/** @param {Element} element */
function nameOf(element) {
  return [element.id, element.getAttribute("aria-label"), element.getAttribute("name"), element.textContent].join("\n");
}
