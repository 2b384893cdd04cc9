// One line above everything that says what went wrong and offers a way on; screen readers are told, too.

const place = /** @type {HTMLElement} */ (document.getElementById("notice"));

/**
 * Show a sentence, with a button where something can be done.
 * @param {string} text
 * @param {{name: string, act: () => void}} [way]
 */
export function notify(text, way) {
  const said = document.createElement("span");
  said.textContent = text;
  place.replaceChildren(said);
  if (!way) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = way.name;
  button.addEventListener("click", way.act);
  place.append(button);
}

/** Nothing is wrong any more. */
export function clearNotice() {
  place.replaceChildren();
}
