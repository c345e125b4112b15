import type { ByteWriter } from '../base/bytes.ts';
import { type EntryHeader, writeEntryHeader } from '../protocol/entry-data.ts';
import type { QueuedRequest } from './pending-requests.ts';

/** The bounds of one entry; a request beyond them gets an entry of its own. */
export interface EntryBounds {
  /** Most bytes of requests. */
  readonly bytesMax: number;
  /** Approximate upper bound of payload bytes in the replies. */
  readonly replyBytesMax: number;
}

/**
 * Collects requests into the data of command entries: the header, then each request after its u32 length. The bytes are copied once, here,
 * and then shared by log, disk and wire.
 * @param headerOf called once for each entry.
 */
export function* batchRequests<Item extends Pick<QueuedRequest, 'request' | 'reservation'>>(
  items: readonly Item[],
  headerOf: () => EntryHeader,
  { bytesMax, replyBytesMax }: EntryBounds,
  writer: ByteWriter,
): Iterable<{ readonly data: Uint8Array; readonly items: readonly Item[] }> {
  let start = 0;
  while (start < items.length) {
    writer.reset();
    writeEntryHeader(writer, headerOf());
    let end = start;
    let replyBytes = 0;
    for (; end < items.length; end += 1) {
      const item = items[end];
      if (item === undefined) break;
      const itemReplyBytes = item.reservation?.replyBytes ?? 0;
      const isFull = writer.length + item.request.length > bytesMax || replyBytes + itemReplyBytes > replyBytesMax;
      if (end > start && isFull) break;
      writer.blob(item.request);
      replyBytes += itemReplyBytes;
    }
    yield { data: writer.copy(), items: items.slice(start, end) };
    start = end;
  }
}
