import { OutcomeKind } from '../protocol/reply.ts';
import type { ChildLink } from './flow-link.ts';
import type { JobIndexes } from './job-indexes.ts';
import { logRows } from './log-rows.ts';
import { outcomeKey, progressKey, RecordKind } from './record.ts';
import type { AttachmentSource, JobOrigin } from './reply-encoder.ts';
import { checkStored, StoredPayloads } from './stored-payloads.ts';

const EMPTY = new Uint8Array(0);

/** What a job has beside its fields: bytes in memory or in the checkpoint, and the id that its client chose. */
export class JobBytes implements AttachmentSource {
  readonly #jobs: Pick<JobIndexes, 'table' | 'progress' | 'deduplications' | 'logs'>;
  readonly #readRecord: (kind: number, key: number) => Uint8Array | undefined;
  readonly #payloads: StoredPayloads;

  /** @param readRecord reads a record from the last written checkpoint. */
  constructor(
    jobs: Pick<JobIndexes, 'table' | 'progress' | 'deduplications' | 'logs'>,
    readRecord: (kind: number, key: number) => Uint8Array | undefined,
  ) {
    this.#jobs = jobs;
    this.#readRecord = readRecord;
    this.#payloads = new StoredPayloads(readRecord);
  }

  /** The payload of a job, from memory or from the checkpoint; `undefined` when the job is gone. */
  payloadOf(jobId: number): Uint8Array | undefined {
    const job = this.#jobs.table.get(jobId);
    if (job === undefined) return undefined;
    if (job.length === 0) return EMPTY;
    if (job.entryData !== undefined) return job.entryData.subarray(job.offset, job.offset + job.length);
    return checkStored(this.#payloads.of(job), job.length, () => `the payload of job ${jobId}`);
  }

  originOf(jobId: number): JobOrigin | undefined {
    return this.#jobs.table.get(jobId)?.policy;
  }

  /** The progress of a job, if it has one and the job is there. */
  progressOf(jobId: number): Uint8Array | undefined {
    // On the path of every claimed job.
    if (this.#jobs.progress.size === 0) return undefined;
    const job = this.#jobs.table.get(jobId);
    const progress = job === undefined ? undefined : this.#jobs.progress.get(job);
    if (progress === undefined) return undefined;
    const { bytes, length } = progress;
    if (bytes !== undefined) return bytes;
    return checkStored(this.#readRecord(RecordKind.changed, progressKey(jobId)), length, () => `the progress of job ${jobId}`);
  }

  /** What a job is deduplicated by, if it is and the job is there. */
  deduplicationIdOf(jobId: number): string | undefined {
    return this.#jobs.deduplications.get(jobId)?.deduplicationId;
  }

  /** The value of a child that its parent keeps; undefined if there is none. */
  childValueOf({ id, value, valueLength }: ChildLink): Uint8Array | undefined {
    if (value !== undefined || valueLength === 0) return value;
    return checkStored(this.#readRecord(RecordKind.values, id), valueLength, () => `the value of child ${id}`);
  }

  logRowsOf(jobId: number, start: number, end: number): Iterable<Uint8Array> {
    const log = this.#jobs.logs.get(jobId);
    if (log === undefined) return [];
    const { first, count } = log;
    return logRows(jobId, log, first + start, first + Math.min(end, count), this.#readRecord);
  }

  /** The outcome of a job if it has one of this kind. */
  outcomeOf(jobId: number, kind: number): Uint8Array | undefined {
    const job = this.#jobs.table.get(jobId);
    if (job === undefined || kind === OutcomeKind.none || job.end.outcomeKind !== kind) return undefined;
    const { outcome, outcomeLength } = job.end;
    if (outcome !== undefined || outcomeLength === 0) return outcome ?? EMPTY;
    return checkStored(this.#readRecord(RecordKind.content, outcomeKey(jobId)), outcomeLength, () => `the outcome of job ${jobId}`);
  }
}
