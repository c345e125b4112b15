import { ByteReader, type ByteWriter } from '../base/bytes.ts';
import { invariant } from '../base/invariant.ts';
import { ALONE, PACK_BYTES_MAX } from './checkpoint-layout.ts';
import type { Job } from './job.ts';

/**
 * Payloads of several jobs in one record: `([u8 position][blob payload])*`, where a job's position is its id minus that of the first.
 * A single payload is the record as it is.
 */
export function writePack(to: ByteWriter, jobs: readonly Job[]): void {
  for (const job of jobs) {
    to.u8(job.packPosition);
    to.blobOf(entryDataOf(job), job.offset, job.length);
  }
}

/** The memory that holds the payload of a job that is in no checkpoint yet. */
export function entryDataOf({ id, entryData }: Job): Uint8Array {
  invariant(entryData !== undefined, () => `the payload of job ${id} is neither in memory nor in the checkpoint`);
  return entryData;
}

/** Divides jobs, in the order of their ids, into runs whose payloads go into one record each, and sets the position of each job. */
export function* packsOf(jobs: readonly Job[]): Generator<readonly Job[]> {
  let run: Job[] = [];
  let bytes = 0;
  for (const job of jobs) {
    if (run.length > 0 && bytes + job.length > PACK_BYTES_MAX) {
      yield positioned(run);
      run = [];
      bytes = 0;
    }
    run.push(job);
    bytes += job.length;
  }
  if (run.length > 0) yield positioned(run);
}

function positioned(run: readonly Job[]): readonly Job[] {
  const firstId = run[0]?.id ?? 0;
  for (const job of run) job.packPosition = run.length === 1 ? ALONE : job.id - firstId;
  return run;
}

/** The id of the job that stores the payload of this one. */
export const packOf = ({ id, packPosition }: { readonly id: number; readonly packPosition: number }): number =>
  packPosition === ALONE ? id : id - packPosition;

/** @returns undefined when the job at this position is not in the pack. */
export function findInPack(pack: Uint8Array, position: number): Uint8Array | undefined {
  const reader = new ByteReader(pack);
  while (reader.remaining > 0) {
    if (reader.u8() === position) return reader.blob();
    reader.skip(reader.u32());
  }
  return undefined;
}
