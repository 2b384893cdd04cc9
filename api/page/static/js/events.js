// Server-sent events of a reply that is read as it comes; unlike the browser's EventSource it asks once, and says when
// the reply broke off.

import { orLost } from "./parts.js";

/**
 * The events of a reply, each with its data, which is a JSON string. Raises LostError where the reply breaks off.
 * @param {Response} reply
 * @returns {AsyncGenerator<{name: string, data: string}>}
 */
export async function* eventsOf(reply) {
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (reply.body)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let left = "";
  for (;;) {
    const { value, done } = await orLost(reader.read(), "The connection was lost.");
    if (done) return;
    const blocks = (left + value).split("\n\n");
    left = blocks.pop() ?? "";
    for (const block of blocks) yield eventOf(block);
  }
}

/** @param {string} block */
function eventOf(block) {
  const fields = new Map(
    block.split("\n").map((line) => {
      const [name = "", ...rest] = line.split(": ");
      return [name, rest.join(": ")];
    }),
  );
  return { name: fields.get("event") ?? "", data: JSON.parse(fields.get("data") || '""') };
}
