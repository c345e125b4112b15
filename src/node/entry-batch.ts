import type { ByteWriter } from '../base/bytes.ts';
import { type EntryHeader, writeEntryHeader } from '../queue/entry-data.ts';

/**
 * Gathers requests into the data of command entries: the header, then each request behind its u32 length. The bytes are copied once, here,
 * and then shared by log, disk and wire.
 * @param headerOf called once for each entry.
 * @param bytesMax most bytes of requests in one entry; a larger request stands alone.
 */
export function* batchRequests<Item extends { readonly request: Uint8Array }>(
  items: readonly Item[],
  headerOf: () => EntryHeader,
  bytesMax: number,
  writer: ByteWriter,
): Iterable<{ readonly data: Uint8Array; readonly items: readonly Item[] }> {
  let start = 0;
  while (start < items.length) {
    writer.reset();
    writeEntryHeader(writer, headerOf());
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
