import type { OperationReader } from '../protocol/request-reader.ts';
import type { Job } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { Listing } from './listing.ts';
import type { NamedQueue } from './named-queue.ts';
import type { AttachmentSource, ReplyEncoder } from './reply-encoder.ts';

/** What a handler works on. */
export interface Execution {
  readonly jobs: JobStore;
  readonly replies: ReplyEncoder;
  readonly bytes: Pick<AttachmentSource, 'logRowsOf' | 'childValueOf'>;
  /** The operation, with its fields. */
  readonly operation: OperationReader;
  /** The data of the entry, which contains the operation's bytes. It must never be changed. */
  readonly data: Uint8Array;
  /** The log time of the entry. */
  readonly logMs: number;
  /** The queue of the operation, created if need be; `undefined` if there are too many. */
  openQueue(): NamedQueue<Job> | undefined;
  /** The queue of the operation, if it exists. */
  knownQueue(): NamedQueue<Job> | undefined;
  /** A query looked at so many records beside those that it returns: they count for how much a turn does. */
  look(count: number): void;
  /** Writes the result of a transition. @param outcome APPLIED or an ErrorCode. */
  result(outcome: number): void;
  /** Executes the operations of a transaction, and writes its result. */
  transact(): void;
  /** The result is written once the listing is complete. */
  list(listing: Listing): void;
}

/** Executes one operation, and writes exactly one result, or begins a listing that will. */
export type Handler = (run: Execution) => void;
