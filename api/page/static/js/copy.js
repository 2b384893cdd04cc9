// Buttons that copy: a link to what they stand beside (`data-copy`), or a text of a line (`data-copy-text`).

/** Every button of the kind, also those that come later. */
export function attachCopy() {
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button[data-copy], button[data-copy-text]") : null;
    if (button instanceof HTMLButtonElement) copyFrom(button);
  });
}

/** @param {HTMLButtonElement} button */
async function copyFrom(button) {
  const link = button.dataset.copy;
  const text = link === undefined ? (button.dataset.copyText ?? "") : String(new URL(link, location.href));
  const name = button.dataset.name ?? button.textContent ?? "";
  button.dataset.name = name;
  button.textContent = (await copied(text, button)) ? "Copied" : "Copying is not allowed here";
  button.setAttribute("aria-live", "polite");
  setTimeout(() => {
    button.textContent = name;
  }, 2000);
}

/**
 * Whether the text was copied. Browsers give the clipboard to pages of https and of this machine only; elsewhere a
 * field is selected and copied as a person would.
 * @param {string} text
 * @param {HTMLElement} beside a place that can have the focus while a dialog is open
 */
async function copied(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  beside.after(field);
  field.select();
  const was = document.execCommand("copy");
  field.remove();
  beside.focus();
  return was;
}
