// One rendering of a screen made into the next, leaving alone what is the same: focus, selection, scrolling and open
// folds stay where they are.

/**
 * Make `old` like `next`; parts of `next` may move into the page.
 * @param {Element} old
 * @param {Element} next
 */
export function renew(old, next) {
  if (old.isEqualNode(next)) return;
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.childNodes.length !== next.childNodes.length) {
    old.replaceChildren(...next.childNodes);
    return;
  }
  for (const [place, child] of [...next.childNodes].entries())
    renewChild(/** @type {ChildNode} */ (old.childNodes[place]), child);
}

/**
 * @param {ChildNode} old
 * @param {ChildNode} next
 */
function renewChild(old, next) {
  if (old instanceof Element && next instanceof Element && old.tagName === next.tagName) renew(old, next);
  else if (old instanceof Text && next instanceof Text) {
    if (old.data !== next.data) old.data = next.data;
  } else old.replaceWith(next);
}
