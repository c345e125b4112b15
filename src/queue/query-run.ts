import { ByteReader } from '../base/bytes.ts';
import { type RequestHeader, readRequestHeader } from '../protocol/request-encoder.ts';
import { OperationReader } from '../protocol/request-reader.ts';

/** The progress of a query that is answered in parts. */
export class QueryRun {
  readonly header: RequestHeader;
  readonly reader: ByteReader;
  readonly operation = new OperationReader();
  /** Number of operations with a result. */
  done = 0;

  /** @param request that `validateQuery` accepted. */
  constructor(request: Uint8Array) {
    this.reader = new ByteReader(request);
    this.header = readRequestHeader(this.reader);
  }

  get isOver(): boolean {
    return this.done >= this.header.operations;
  }
}
