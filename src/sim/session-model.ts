import { ByteReader } from '../base/bytes.ts';
import type { EntryId } from '../base/ids.ts';
import { COMMANDS } from '../protocol/commands.ts';
import { type EntryHeader, readEntryHeader } from '../protocol/entry-data.ts';
import { MACHINE_VERSION_FIRST } from '../protocol/machine-version.ts';
import { HEADER_BYTES, isAddressable, NO_CLIENT, type RequestHeader, readRequestHeader } from '../protocol/request-encoder.ts';
import { STATE_BOUNDS, type StateBounds } from '../queue/state-bounds.ts';
import type { Entry } from '../raft/entry.ts';
import { checkProperty } from './violation.ts';

interface WrittenRequest extends RequestHeader {
  readonly isOpening: boolean;
}

interface WrittenEntry {
  readonly header: EntryHeader | undefined;
  readonly requests: readonly WrittenRequest[];
}

interface LiveSession {
  /** Log time of its latest request. */
  lastMs: number;
  acknowledgedBelow: number;
}

/** Why a session ended: it had no request for too long, or another one was opened and it was the least recently used one. */
export type SessionEnd = 'idle' | 'evicted';

const NOTHING: WrittenEntry = { header: undefined, requests: [] };

/**
 * A model of the sessions, derived from the committed entries alone: late copies of openings, sessions of clients that ended, and requests
 * with any delay count as they do in the queue.
 */
export class SessionModel {
  readonly #bounds: StateBounds;
  /** Entries that were written to any disk and are not committed yet, by index and term. */
  readonly #written = new Map<string, WrittenEntry>();
  /** From the least to the most recently used one. */
  readonly #live = new Map<number, LiveSession>();
  readonly #ended = new Map<number, SessionEnd>();
  #committed = 0;
  #version = MACHINE_VERSION_FIRST;
  #logMs = 0;
  #nextId = 1;

  constructor(bounds: Partial<StateBounds>) {
    this.#bounds = { ...STATE_BOUNDS, ...bounds };
  }

  /** Undefined for an open session. */
  endOf(session: number): SessionEnd | undefined {
    return this.#ended.get(session);
  }

  onWritten(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index <= this.#committed || this.#written.has(keyOf(entry))) continue;
      this.#written.set(keyOf(entry), entry.kind === 'command' ? readEntry(entry.data) : NOTHING);
    }
  }

  /** Each committed entry once, in order. */
  onCommitted(id: EntryId): void {
    this.#committed = id.index;
    const written = this.#written.get(keyOf(id));
    checkProperty(written !== undefined, 'committed entries are known', () => `entry ${id.index} of term ${id.term} was never written`);
    this.#written.delete(keyOf(id));
    const { header, requests } = written;
    if (header === undefined) return;
    if (header.version >= this.#version) {
      this.#version = header.version;
      this.#logMs = Math.max(this.#logMs, header.logMs);
      this.#expire();
    }
    for (const request of requests) this.#onRequest(request);
  }

  #onRequest({ client, sequence, acknowledgedBelow, operations, isOpening }: WrittenRequest): void {
    if (isOpening && this.#version > 1) {
      if (operations === 1) this.#open(this.#takeId());
      return;
    }
    // In version 1 an opening opens the session that it names, unless that exists.
    if (isOpening && !this.#live.has(client)) this.#open(client);
    const session = this.#live.get(client);
    if (session === undefined || sequence < session.acknowledgedBelow) return;
    session.acknowledgedBelow = Math.max(session.acknowledgedBelow, acknowledgedBelow);
    session.lastMs = this.#logMs;
    this.#live.delete(client);
    this.#live.set(client, session);
  }

  #takeId(): number {
    while (this.#live.has(this.#nextId)) this.#nextId += 1;
    this.#nextId += 1;
    return this.#nextId - 1;
  }

  #open(id: number): void {
    const [oldest] = this.#live.keys();
    if (oldest !== undefined && this.#live.size >= this.#bounds.sessionsMax) this.#end(oldest, 'evicted');
    this.#live.set(id, { lastMs: this.#logMs, acknowledgedBelow: 1 });
    this.#ended.delete(id);
  }

  #expire(): void {
    for (const [id, { lastMs }] of this.#live) {
      if (lastMs + this.#bounds.sessionIdleMsMax > this.#logMs) return;
      this.#end(id, 'idle');
    }
  }

  #end(id: number, why: SessionEnd): void {
    this.#live.delete(id);
    this.#ended.set(id, why);
  }
}

const keyOf = ({ index, term }: EntryId): string => `${index} ${term}`;

function readEntry(data: Uint8Array): WrittenEntry {
  const reader = new ByteReader(data);
  const header = readEntryHeader(data, reader);
  const requests: WrittenRequest[] = [];
  while (reader.remaining >= 4) {
    const length = reader.u32();
    if (length > reader.remaining) break;
    const start = reader.skip(length);
    if (length < HEADER_BYTES) continue;
    const request = readRequestHeader(new ByteReader(data, start, start + length));
    if (request.client === NO_CLIENT || !isAddressable(request)) continue;
    requests.push({ ...request, isOpening: request.operations > 0 && data[start + HEADER_BYTES] === COMMANDS.openSession.code });
  }
  return { header, requests };
}
