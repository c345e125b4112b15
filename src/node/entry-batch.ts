import type { ByteWriter } from '../base/bytes.ts';

/** Bytes of the stamp that every command entry begins with. */
const STAMP_BYTES = 8;

/**
 * Gathers requests into the data of command entries: the leader's wall clock in milliseconds, then each request behind its
 * u32 length. The bytes are copied once, here, and then shared by log, disk and wire.
 * @param bytesMax most bytes of requests in one entry; a larger request stands alone.
 */
export function* batchRequests<Item extends { readonly request: Uint8Array }>(
  items: readonly Item[],
  stampMs: number,
  bytesMax: number,
  writer: ByteWriter,
): Iterable<{ readonly data: Uint8Array; readonly items: readonly Item[] }> {
  let start = 0;
  while (start < items.length) {
    writer.reset();
    writer.f64(stampMs);
    let end = start;
    for (; end < items.length; end += 1) {
      const request = items[end]?.request;
      if (request === undefined || (end > start && writer.length + request.length > bytesMax)) break;
      writer.blob(request);
    }
    yield { data: writer.copy(), items: items.slice(start, end) };
    start = end;
  }
}

/** An entry that only lets time pass: what is due by `stampMs` happens when it is applied. */
export function tickData(stampMs: number): Uint8Array {
  const data = new Uint8Array(STAMP_BYTES);
  new DataView(data.buffer).setFloat64(0, stampMs, true);
  return data;
}
