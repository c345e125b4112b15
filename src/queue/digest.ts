import { ByteWriter } from '../base/bytes.ts';
import { writeDeduplicatedJob } from './deduplicated-job.ts';
import { writeLink } from './flow-record.ts';
import type { Job } from './job.ts';
import { writeLog } from './job-log.ts';
import { writeLogicalJob } from './job-record.ts';
import type { JobStore } from './job-store.ts';
import { writeQueue } from './named-queue.ts';
import { type MachineRecord, writeMachine, writeSession } from './record.ts';
import type { AttachmentSource } from './reply-encoder.ts';
import { writeScheduler } from './scheduler.ts';
import type { SessionTable } from './session.ts';

/** Two FNV-1a hashes with different offsets: no protection against an attacker, but 64 bits detect every accidental difference. */
class Hash {
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;

  add(bytes: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte ^ (low >>> 24), 0x01000193);
    }
    this.#low = low;
    this.#high = high;
  }

  text(): string {
    const hex = (half: number): string => (half >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}

/**
 * A hash of the whole logical state in a canonical order. Replicas at the same applied index return the same text, independent of
 * their checkpoints and restarts (invariant 11). Reads evicted payloads back: for tests, not for the hot path.
 */
export function digestOf(machine: MachineRecord, jobs: JobStore, sessions: SessionTable, source: AttachmentSource): string {
  const hash = new Hash();
  const to = new ByteWriter(1024);
  const record = (key: number, write: () => void): void => {
    to.reset();
    to.f64(key);
    write();
    hash.add(to.view());
  };
  record(0, () => writeMachine(to, machine, jobs));
  for (const session of [...sessions.sessions()].sort((a, b) => a.client - b.client)) {
    record(session.client, () => writeSession(to, session));
  }
  for (const queue of [...jobs.queues.byName.values()].sort((a, b) => a.number - b.number))
    record(queue.number, () => writeQueue(to, queue));
  for (const scheduler of jobs.schedulers.values()) record(scheduler.id, () => writeScheduler(to, scheduler));
  for (const ring of jobs.events.rings()) record(ring.number, () => ring.write(to));
  for (const block of jobs.events.blocks()) record(block.number, () => block.write(to));
  const addBytes = (bytes: Uint8Array | undefined): void => {
    record(bytes?.length ?? -1, () => undefined);
    if (bytes !== undefined) hash.add(bytes);
  };
  const addJob = (job: Job): void => {
    record(job.id, () => writeLogicalJob(to, job, jobs.progress));
    addBytes(source.payloadOf(job.id));
    addBytes(source.outcomeOf(job.id, job.end.outcomeKind));
    if (job.hasProgress) addBytes(source.progressOf(job.id));
    const log = jobs.logs.get(job.id);
    if (log === undefined) return;
    record(job.id, () => writeLog(to, log));
    for (const row of source.logRowsOf(job.id, 0, log.count)) addBytes(row);
  };
  for (const job of jobs.table.jobs()) addJob(job);
  for (const job of jobs.deduplications.values()) record(job.id, () => writeDeduplicatedJob(to, job));
  for (const link of [...jobs.flows.links()].sort((a, b) => a.id - b.id)) {
    record(link.id, () => writeLink(to, link, undefined));
    addBytes(source.childValueOf(link));
  }
  return hash.text();
}
