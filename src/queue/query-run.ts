import { ByteReader } from '../base/bytes.ts';
import { type RequestHeader, readRequestHeader } from '../protocol/request-encoder.ts';
import { OperationReader } from '../protocol/request-reader.ts';

/** A query that is answered in parts: how far it is. */
export class QueryRun {
  readonly header: RequestHeader;
  readonly reader: ByteReader;
  readonly operation = new OperationReader();
  /** Operations that are answered. */
  done = 0;

  /** @param request that `validateQuery` found nothing wrong with. */
  constructor(request: Uint8Array) {
    this.reader = new ByteReader(request);
    this.header = readRequestHeader(this.reader);
  }

  get isOver(): boolean {
    return this.done >= this.header.operations;
  }
}
