import { ByteReader } from '../base/bytes.ts';
import { OperationReader } from './operation.ts';
import { type RequestHeader, readRequestHeader } from './request.ts';

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
