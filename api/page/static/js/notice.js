// Lines above everything that say what went wrong or takes long and offer a way on; screen readers are told, too.

const place = /** @type {HTMLElement} */ (document.getElementById("notice"));
let shown = new AbortController();

/**
 * What can be done; one that is tried `again` is tried by itself when the browser says that the network is back.
 * @typedef {{name: string, act: () => void, again?: boolean}} Way
 */

/**
 * Show a sentence in place of the one before, with a button where something can be done. Returns what takes it away.
 * @param {string} text
 * @param {Way} [way]
 * @returns {() => void}
 */
export function notify(text, way) {
  clearNotice();
  const said = sentence(text, way);
  place.replaceChildren(...said);
  if (way?.again) window.addEventListener("online", way.act, { once: true, signal: shown.signal });
  return () => {
    if (said[0]?.isConnected) clearNotice();
  };
}

/** Nothing is wrong any more. */
export function clearNotice() {
  shown.abort();
  shown = new AbortController();
  place.replaceChildren();
}

/**
 * A sentence and its button, to be put somewhere.
 * @param {string} text
 * @param {Way} [way]
 * @returns {HTMLElement[]}
 */
export function sentence(text, way) {
  const said = document.createElement("span");
  said.textContent = text;
  if (!way) return [said];
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = way.name;
  button.addEventListener("click", way.act);
  return [said, button];
}
