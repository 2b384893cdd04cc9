// The timeline of incidents by keyboard: Tab reaches it once, arrow keys go from one to the next; what is pointed at or
// focused is told below.

/** Take over the timeline, where there is one. */
export function attachTimeline() {
  const drawing = document.querySelector(".timeline svg");
  const detail = document.querySelector(".timeline-detail");
  if (!drawing || !detail) return;
  drawing.setAttribute("aria-label", `${drawing.getAttribute("aria-label")}; arrow keys go from one to the next`);
  drawing.addEventListener("keydown", (event) => move(drawing, /** @type {KeyboardEvent} */ (event)));
  const tell = (/** @type {Event} */ event) => {
    const mark = event.target instanceof Element ? event.target.closest("a") : null;
    detail.textContent = mark?.querySelector("title")?.textContent ?? "";
  };
  for (const name of ["focusin", "pointerover"]) drawing.addEventListener(name, tell);
}

/**
 * @param {Element} drawing
 * @param {KeyboardEvent} event
 */
function move(drawing, event) {
  const marks = /** @type {NodeListOf<SVGAElement>} */ (drawing.querySelectorAll("svg a"));
  const inTime = [...marks].sort((one, other) => left(one) - left(other));
  const here = inTime.indexOf(/** @type {SVGAElement} */ (document.activeElement));
  const places = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: inTime.length - 1 };
  const next = inTime[places[/** @type {keyof typeof places} */ (event.key)] ?? -1];
  if (!next) return;
  event.preventDefault();
  for (const mark of inTime) mark.setAttribute("tabindex", mark === next ? "0" : "-1");
  next.focus();
}

/** @param {Element} mark */
function left(mark) {
  return Number(mark.querySelector("rect")?.getAttribute("x"));
}
