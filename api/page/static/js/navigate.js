// Links and forms that lead from a screen to itself, for the modules that change a screen in place.

/**
 * Hand their addresses to `goTo` instead of loading the page anew. A link that is opened elsewhere, is a download or
 * points into the page stays the browser's.
 * @param {string} path
 * @param {(address: URL) => void} goTo
 * @param {(address: URL) => boolean} [isOurs] else the browser goes there
 */
export function takeOver(path, goTo, isOurs = () => true) {
  document.addEventListener("click", (event) => {
    const address = isPlain(event) ? linked(event) : null;
    if (address?.pathname !== path || address.origin !== location.origin || address.hash || !isOurs(address)) return;
    event.preventDefault();
    goTo(address);
  });
  document.addEventListener("submit", (event) => {
    const address = asked(/** @type {HTMLFormElement} */ (event.target));
    if (address?.pathname !== path || !isOurs(address)) return;
    event.preventDefault();
    goTo(address);
  });
}

/** Whether a click is one that nobody handled and the browser would follow here. @param {MouseEvent} event */
export function isPlain(event) {
  const isModified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  return !event.defaultPrevented && event.button === 0 && !isModified;
}

/** @param {MouseEvent} event */
function linked(event) {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!link || link.hasAttribute("download") || link.hasAttribute("target")) return null;
  return new URL(link.getAttribute("href") ?? "", location.href);
}

/**
 * Where a form that only asks leads. Read from its attributes: a field named `action` would hide the property.
 * @param {HTMLFormElement} form
 */
function asked(form) {
  if ((form.getAttribute("method") ?? "get") !== "get") return null;
  const address = new URL(form.getAttribute("action") ?? "", location.href);
  for (const [name, value] of new FormData(form)) if (value) address.searchParams.append(name, String(value));
  return address;
}
