// What a reader thinks of an answer, told without loading it anew: thanks stand where the buttons were.

import { sendForm } from "./forms.js";
import { clearNotice, notify } from "./notice.js";
import { PartError } from "./parts.js";

const THANKS = "Thank you: what you said is kept.";

/** Forms of feedback that are shown now or later. */
export function attachFeedback() {
  document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.getAttribute("action") !== "/feedback") return;
    event.preventDefault();
    send(form, event.submitter);
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} button
 */
async function send(form, button) {
  form.inert = true;
  try {
    const fault = await sendForm(form, button);
    if (fault) notify(fault);
    else {
      clearNotice();
      thank(form);
    }
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    notify(`${error.message} What you said is not kept yet.`, { name: "Try again", act: () => send(form, button) });
  } finally {
    form.inert = false;
  }
}

/** @param {HTMLFormElement} form */
function thank(form) {
  const thanks = document.createElement("p");
  thanks.className = "said";
  thanks.setAttribute("role", "status");
  thanks.tabIndex = -1;
  form.replaceWith(thanks);
  thanks.textContent = THANKS;
  thanks.focus(); // the button that had the focus is gone
}
