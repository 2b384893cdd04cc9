// The first-run screen notices when the first line arrives: it listens to the live tail.

/** Wait for a first line where there is none yet. */
export function attachFirstRun() {
  const place = document.getElementById("arrival");
  const arrived = document.getElementById("arrived");
  if (!place || !(arrived instanceof HTMLTemplateElement)) return;
  place.querySelector(".waiting")?.removeAttribute("hidden");
  const tail = new EventSource("/v1/tail?last=1"); // the browser itself asks again when the connection is lost
  tail.addEventListener("line", () => {
    tail.close();
    place.replaceChildren(arrived.content.cloneNode(true));
  });
  window.addEventListener("pagehide", () => tail.close());
}
