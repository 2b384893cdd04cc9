// The histogram as a place to choose a window: drag over it, or walk over it with keys; both snap to whole bars.

import { goTo } from "./lines.js";
import { onPart } from "./parts.js";

/**
 * A drawing, and what is chosen in it. Buckets are counted from the epoch, in steps; most have a bar.
 * @typedef {{chart: HTMLElement, band: HTMLElement, tip: HTMLElement, start: string, end: string, stepMs: number,
 *   bars: Map<number, {start: string, end: string, text: string}>, first: number, last: number, from: number, at: number,
 *   pointer: number | null, originX: number, isDrag: boolean}} Brush
 */

/** Shorter movements of the pointer are clicks, in pixels (a guess). */
const LEAST_DRAG = 5;
const STEPS = new Map([
  ["ArrowLeft", -1],
  ["ArrowRight", 1],
  ["PageDown", -10],
  ["PageUp", 10],
  ["Home", Number.NEGATIVE_INFINITY],
  ["End", Number.POSITIVE_INFINITY],
]);
/** @type {[number, string][]} */
const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** @type {Brush | null} */
let brush = null;
let focusNext = false;

/** Listen on the histogram of the screen of lines, whenever it is put in anew. */
export function attachBrush() {
  onPart("histogram", prepare);
  document.addEventListener("pointermove", onMove);
  document.addEventListener("pointerup", onUp);
  document.addEventListener("pointercancel", cancel);
  document.addEventListener("keydown", onEscape);
  document.addEventListener("click", onClick, true);
}

/** @param {HTMLElement} part */
function prepare(part) {
  brush = null;
  const chart = part.querySelector(".chart");
  if (!(chart instanceof HTMLElement)) return;
  brush = read(chart);
  chart.tabIndex = 0;
  chart.setAttribute("role", "slider");
  chart.setAttribute(
    "aria-label",
    "Lines over time: arrows move, with Shift they extend, Enter zooms in, minus zooms out",
  );
  chart.setAttribute("aria-valuemin", "1");
  chart.setAttribute("aria-valuemax", String(brush.last - brush.first + 1));
  describe(brush);
  chart.append(brush.band, brush.tip);
  chart.addEventListener("pointerdown", onDown);
  chart.addEventListener("pointerleave", onLeave);
  chart.addEventListener("dragstart", (event) => event.preventDefault()); // bars are links, which browsers drag away
  chart.addEventListener("keydown", onKey);
  chart.addEventListener("focus", () => brush && chart.matches(":focus-visible") && paint(brush));
  chart.addEventListener("blur", cancel);
  if (focusNext && document.activeElement === document.body) chart.focus();
  focusNext = false;
}

/**
 * @param {HTMLElement} chart
 * @returns {Brush}
 */
function read(chart) {
  const { start = "", end = "", step = "1" } = chart.dataset;
  const stepMs = Number(step) * 1000;
  const bars = new Map();
  for (const link of chart.querySelectorAll("svg a")) {
    const address = new URL(link.getAttribute("href") ?? "", location.href);
    const [from, to] = [address.searchParams.get("start") ?? "", address.searchParams.get("end") ?? ""];
    const title = link.querySelector("title");
    bars.set(Math.floor(Date.parse(from) / stepMs), { start: from, end: to, text: title?.textContent ?? "" });
    title?.remove(); // the browser would show it beside ours
  }
  const first = Math.floor(Date.parse(start) / stepMs);
  const last = Math.max(Math.ceil(Date.parse(end) / stepMs) - 1, first);
  const [band, tip] = [document.createElement("div"), document.createElement("div")];
  band.className = "band";
  tip.className = "tip";
  band.hidden = true;
  tip.hidden = true;
  const chosen = { from: last, at: last, pointer: null, originX: 0, isDrag: false };
  return { chart, band, tip, start, end, stepMs, bars, first, last, ...chosen };
}

/** @param {PointerEvent} event */
function onDown(event) {
  if (!brush || event.button !== 0 || !event.isPrimary) return;
  brush.pointer = event.pointerId;
  brush.originX = event.clientX;
  brush.isDrag = false;
  brush.from = bucketAt(brush, event.clientX);
  brush.at = brush.from;
}

/** @param {PointerEvent} event */
function onMove(event) {
  if (!brush) return;
  if (brush.pointer === event.pointerId) {
    if (!brush.isDrag && Math.abs(event.clientX - brush.originX) < LEAST_DRAG) return;
    if (!brush.isDrag) brush.chart.setPointerCapture(event.pointerId);
    brush.isDrag = true;
    brush.at = bucketAt(brush, event.clientX);
    paint(brush);
  } else if (event.pointerType !== "touch" && event.target instanceof Node && brush.chart.contains(event.target)) {
    const bucket = bucketAt(brush, event.clientX);
    say(brush, told(brush, bucket), middle(brush, bucket));
  }
}

/** @param {PointerEvent} event */
function onUp(event) {
  if (brush?.pointer !== event.pointerId) return;
  brush.pointer = null;
  if (brush.isDrag) zoom(brush);
}

/** A drag ends on a bar, which is a link: it is not followed. @param {MouseEvent} event */
function onClick(event) {
  if (!brush?.isDrag || !(event.target instanceof Node) || !brush.chart.contains(event.target)) return;
  brush.isDrag = false;
  event.preventDefault();
  event.stopPropagation();
}

function onLeave() {
  if (brush && brush.pointer === null && brush.chart !== document.activeElement) hide(brush);
}

/** @param {KeyboardEvent} event */
function onEscape(event) {
  if (event.key === "Escape" && brush && !brush.band.hidden) cancel();
}

function cancel() {
  if (!brush) return;
  brush.pointer = null;
  brush.from = brush.at;
  hide(brush);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (!brush || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = STEPS.get(event.key);
  if (step !== undefined) {
    brush.at = Math.min(Math.max(brush.at + step, brush.first), brush.last);
    if (!event.shiftKey) brush.from = brush.at;
    paint(brush);
  } else if (event.key === "Enter") zoom(brush);
  else if (event.key === "-" || event.key === "Backspace") wider();
  else return;
  event.preventDefault();
}

/**
 * @param {Brush} found
 * @param {number} clientX
 */
function bucketAt(found, clientX) {
  const box = found.chart.getBoundingClientRect();
  const share = Math.min(Math.max((clientX - box.left) / box.width, 0), 1);
  const [start, end] = [Date.parse(found.start), Date.parse(found.end)];
  const bucket = Math.floor((start + share * (end - start)) / found.stepMs);
  return Math.min(Math.max(bucket, found.first), found.last);
}

/**
 * The window from one bucket to another, both included; as the bars' links have it, where there are bars.
 * @param {Brush} found
 * @param {number} one
 * @param {number} other
 */
function windowOf(found, one, other) {
  const [low, high] = [Math.min(one, other), Math.max(one, other)];
  const start = low === found.first ? found.start : (found.bars.get(low)?.start ?? written(low * found.stepMs));
  const end = high === found.last ? found.end : (found.bars.get(high)?.end ?? written((high + 1) * found.stepMs));
  return { start, end };
}

/** @param {Brush} found */
function paint(found) {
  const { start, end } = windowOf(found, found.from, found.at);
  const [left, right] = [share(found, start), share(found, end)];
  found.band.hidden = false;
  found.band.style.left = `${left * 100}%`;
  found.band.style.width = `${(right - left) * 100}%`;
  describe(found);
  say(found, found.chart.getAttribute("aria-valuetext") ?? "", (left + right) / 2);
}

/** For screen readers: the bar, or from when to when and how long. @param {Brush} found */
function describe(found) {
  const { start, end } = windowOf(found, found.from, found.at);
  const range = `${clock(start)} to ${clock(end)}, ${length(start, end)}`;
  const isRange = found.from !== found.at || found.isDrag;
  found.chart.setAttribute("aria-valuenow", String(found.at - found.first + 1));
  found.chart.setAttribute("aria-valuetext", isRange ? range : told(found, found.at));
}

/**
 * @param {Brush} found
 * @param {number} bucket
 */
function told(found, bucket) {
  return found.bars.get(bucket)?.text ?? `${clock(windowOf(found, bucket, bucket).start)}: 0 lines`;
}

/**
 * @param {Brush} found
 * @param {string} text
 * @param {number} at share of the width
 */
function say(found, text, at) {
  found.tip.hidden = false;
  found.tip.textContent = text;
  const room = found.chart.clientWidth - found.tip.offsetWidth;
  const left = found.chart.clientWidth * at - found.tip.offsetWidth / 2;
  found.tip.style.left = `${Math.max(Math.min(left, room), 0)}px`;
}

/** @param {Brush} found */
function hide(found) {
  found.band.hidden = true;
  found.tip.hidden = true;
}

/** @param {Brush} found */
function zoom(found) {
  const { start, end } = windowOf(found, found.from, found.at);
  const address = new URL(location.href);
  for (const name of ["cursor", "said"]) address.searchParams.delete(name);
  address.searchParams.set("start", start);
  address.searchParams.set("end", end);
  focusNext = found.chart === document.activeElement;
  hide(found);
  goTo(address);
}

function wider() {
  const link = document.querySelector('a[data-move="wider"]');
  if (!(link instanceof HTMLAnchorElement)) return;
  focusNext = true;
  goTo(new URL(link.href));
}

/**
 * Where a time stands, from 0 to 1.
 * @param {Brush} found
 * @param {string} time
 */
function share(found, time) {
  const start = Date.parse(found.start);
  return (Date.parse(time) - start) / Math.max(Date.parse(found.end) - start, 1);
}

/**
 * @param {Brush} found
 * @param {number} bucket
 */
function middle(found, bucket) {
  const { start, end } = windowOf(found, bucket, bucket);
  return (share(found, start) + share(found, end)) / 2;
}

/** @param {number} ms */
function written(ms) {
  return new Date(ms).toISOString();
}

/** @param {string} time */
function clock(time) {
  return time.slice(0, 19).replace("T", " ");
}

/**
 * How long, in the two largest units that say something.
 * @param {string} start
 * @param {string} end
 */
function length(start, end) {
  let left = Math.max(Date.parse(end) - Date.parse(start), 0);
  if (left < 1000) return `${left} ms`;
  const said = [];
  for (const [ms, name] of UNITS) {
    if (left >= ms) said.push(`${Math.floor(left / ms)} ${name}`);
    left %= ms;
  }
  return said.slice(0, 2).join(" ");
}
