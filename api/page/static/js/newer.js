// Whether the server still has the files that this page was loaded with; each of its pages and parts says so.

import { sentence } from "./notice.js";

const OWN = new URL(import.meta.url).pathname.split("/")[2];

/**
 * Offer to load the page anew where another version of the server answers: its parts may not fit ours.
 * @param {Response} reply
 */
export function noticeNewer(reply) {
  const theirs = reply.headers.get("Dejalog-Page");
  const place = document.getElementById("newer");
  if (!theirs || theirs === OWN || !place || place.hasChildNodes()) return;
  const way = { name: "Reload", act: () => location.reload() };
  place.replaceChildren(...sentence("The server has a new version of this page.", way));
}
