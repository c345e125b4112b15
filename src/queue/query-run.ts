import { ByteReader } from '../base/bytes.ts';
import type { QueryWait } from '../node/state-machine.ts';
import { COMMANDS, rowOfCommand } from '../protocol/commands.ts';
import { HEADER_BYTES, type RequestHeader, readRequestHeader } from '../protocol/request-encoder.ts';
import { OF_QUERIES, OperationReader } from '../protocol/request-reader.ts';
import type { Listing } from './listing.ts';

/** The code of `readEvents`, and its fields. */
const READ_EVENTS_BYTES = 1 + rowOfCommand('readEvents').fixedBytes;

/** Executes the next operations of a query. */
export interface QuerySource {
  queryNext(run: QueryRun, bytesMax: number): Uint8Array | undefined;
}

/** Whether a reader of events gets something now. */
type HasEvents = (queue: string, recording: number, afterId: number) => boolean;

/** The progress of a query that is answered in parts. */
export class QueryRun {
  readonly header: RequestHeader;
  readonly reader: ByteReader;
  readonly operation = new OperationReader();
  /** Number of operations with a result. */
  done = 0;
  /** What the last part cost beside its bytes. */
  workBytes = 0;
  /** Of a query that reads events and nothing else. */
  readonly wait: QueryWait | undefined;
  /** Of the next operation, which has begun. */
  listing: Listing | undefined;
  readonly #source: QuerySource;

  /** @param request that `validateQuery` accepted. */
  constructor(request: Uint8Array, source: QuerySource, hasEvents: HasEvents) {
    this.#source = source;
    this.reader = new ByteReader(request);
    this.header = readRequestHeader(this.reader);
    this.wait = this.header.operations === 1 ? waitOf(request, hasEvents) : undefined;
  }

  get isOver(): boolean {
    return this.done >= this.header.operations;
  }

  next(bytesMax: number): Uint8Array | undefined {
    return this.#source.queryNext(this, bytesMax);
  }
}

/** @param request of one operation. */
function waitOf(request: Uint8Array, hasEvents: HasEvents): QueryWait | undefined {
  // At a fixed distance from the end: other queries are not read twice.
  if (request[request.length - READ_EVENTS_BYTES] !== COMMANDS.readEvents.code) return undefined;
  const operation = new OperationReader();
  if (operation.next(new ByteReader(request, HEADER_BYTES), OF_QUERIES).name !== 'readEvents') return undefined;
  const { queueName, recording, afterId, waitMs } = operation;
  return { topic: queueName, waitMs, isReady: () => hasEvents(queueName, recording, afterId) };
}
