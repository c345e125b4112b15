import { ByteReader } from '../base/bytes.ts';
import { type RequestHeader, readRequestHeader } from '../protocol/request-encoder.ts';
import { OperationReader } from '../protocol/request-reader.ts';
import type { Listing } from './listing.ts';

/** Executes the next operations of a query. */
export interface QuerySource {
  queryNext(run: QueryRun, bytesMax: number): Uint8Array | undefined;
}

/** The progress of a query that is answered in parts. */
export class QueryRun {
  readonly header: RequestHeader;
  readonly reader: ByteReader;
  readonly operation = new OperationReader();
  /** Number of operations with a result. */
  done = 0;
  /** What the last part cost beside its bytes. */
  workBytes = 0;
  /** Of the next operation, which has begun. */
  listing: Listing | undefined;
  readonly #source: QuerySource;

  /** @param request that `validateQuery` accepted. */
  constructor(request: Uint8Array, source: QuerySource) {
    this.#source = source;
    this.reader = new ByteReader(request);
    this.header = readRequestHeader(this.reader);
  }

  get isOver(): boolean {
    return this.done >= this.header.operations;
  }

  next(bytesMax: number): Uint8Array | undefined {
    return this.#source.queryNext(this, bytesMax);
  }
}
