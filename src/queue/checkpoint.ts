import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { invariant } from '../base/invariant.ts';
import type { RecordChange } from '../storage/port.ts';
import type { ChangeSet, ChangeTracker } from './change-tracker.ts';
import { type Job, JobFlag } from './job.ts';
import { StateCode } from './job-state.ts';
import type { JobStore } from './job-store.ts';
import type { NamedQueue } from './named-queue.ts';
import {
  contentKey,
  type MachineRecord,
  outcomeKey,
  RecordKind,
  readJob,
  readMachine,
  readQueue,
  readSession,
  writeJob,
  writeMachine,
  writeQueue,
  writeSession,
} from './record.ts';
import type { Session, SessionTable } from './session.ts';

/** Reads the records of one kind from a checkpoint, in ascending order of keys. */
export type RecordSource = (kind: number) => Iterable<{ readonly key: number; readonly value: Uint8Array }>;

/**
 * What changed since the last checkpoint, encoded while it is read. To be read once and to the end, with nothing applied
 * meanwhile; deletions come before the records that replace them.
 */
export class CheckpointChanges implements Iterable<RecordChange> {
  readonly #machine: MachineRecord;
  readonly #jobs: JobStore;
  readonly #set: ChangeSet;
  readonly #to = new ByteWriter(1024);
  #count = 0;
  #isComplete = false;

  constructor(machine: MachineRecord, jobs: JobStore, changes: ChangeTracker) {
    this.#machine = machine;
    this.#jobs = jobs;
    this.#set = changes.take();
  }

  /** Records handed out so far; all of them once the changes were read to the end. */
  get count(): number {
    return this.#count;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  *[Symbol.iterator](): Generator<RecordChange> {
    invariant(this.#count === 0, () => 'the changes of a checkpoint are read twice');
    yield this.#encoded(RecordKind.machine, 0, () => writeMachine(this.#to, this.#machine, this.#jobs));
    yield* this.#sessions();
    yield* this.#queues();
    yield* this.#removedJobs();
    for (const id of this.#set.jobIds) {
      const job = this.#jobs.table.get(id);
      if (job !== undefined) yield* this.#job(job);
    }
    this.#isComplete = true;
  }

  /** Drops from memory what the checkpoint now holds. */
  evict(): void {
    for (const id of this.#set.jobIds) {
      const job = this.#jobs.table.get(id);
      if (job === undefined) continue;
      job.chunk = undefined;
      job.offset = 0;
      job.outcome = undefined;
    }
  }

  *#sessions(): Generator<RecordChange> {
    for (const client of this.#set.removedSessions) yield this.#gone(RecordKind.session, client);
    for (const session of this.#set.sessions) {
      session.isDirty = false;
      session.isStored = true;
      yield this.#encoded(RecordKind.session, session.client, () => writeSession(this.#to, session));
    }
  }

  *#queues(): Generator<RecordChange> {
    for (const number of this.#set.removedQueues) yield this.#gone(RecordKind.queue, number);
    for (const queue of this.#set.queues) {
      queue.isStored = true;
      yield this.#encoded(RecordKind.queue, queue.number, () => writeQueue(this.#to, queue));
    }
  }

  *#removedJobs(): Generator<RecordChange> {
    for (const { id, flags } of this.#set.removedJobs) {
      yield this.#gone(RecordKind.job, id);
      if ((flags & JobFlag.contentStored) !== 0) yield this.#gone(RecordKind.content, contentKey(id));
      if ((flags & JobFlag.outcomeStored) !== 0) yield this.#gone(RecordKind.content, outcomeKey(id));
    }
  }

  *#job(job: Job): Generator<RecordChange> {
    const { flags, chunk, outcome } = job;
    job.flags = (flags & ~(JobFlag.dirty | JobFlag.outcomeDirty)) | JobFlag.rowStored;
    yield this.#encoded(RecordKind.job, job.id, () => writeJob(this.#to, job));
    if (chunk !== undefined && (flags & JobFlag.contentStored) === 0) {
      job.flags |= JobFlag.contentStored;
      yield this.#put(RecordKind.content, contentKey(job.id), chunk.subarray(job.offset, job.offset + job.length));
    }
    if ((flags & JobFlag.outcomeDirty) === 0) return;
    if (outcome !== undefined && outcome.length > 0) {
      job.flags |= JobFlag.outcomeStored;
      yield this.#put(RecordKind.content, outcomeKey(job.id), outcome);
    } else if ((flags & JobFlag.outcomeStored) !== 0) {
      job.flags &= ~JobFlag.outcomeStored;
      yield this.#gone(RecordKind.content, outcomeKey(job.id));
    }
  }

  #encoded(kind: number, key: number, write: () => void): RecordChange {
    this.#to.reset();
    write();
    return this.#put(kind, key, this.#to.copy());
  }

  #put(kind: number, key: number, value: Uint8Array): RecordChange {
    this.#count += 1;
    return { kind, key, value };
  }

  #gone(kind: number, key: number): RecordChange {
    this.#count += 1;
    return { kind, key, value: undefined };
  }
}

/**
 * Fills an empty state from a checkpoint; contents stay where they are. A checkpoint without records is the empty state.
 * @throws {MalformedBytesError} when a record is damaged.
 */
export function restoreCheckpoint(records: RecordSource, jobs: JobStore, sessions: SessionTable): MachineRecord {
  let machine: MachineRecord = { clockMs: 0, appliedIndex: 0, touches: 0 };
  for (const { value } of records(RecordKind.machine)) machine = readMachine(new ByteReader(value), jobs);
  const restored: Session[] = [];
  for (const { key, value } of records(RecordKind.session)) restored.push(readSession(key, new ByteReader(value)));
  sessions.restore(restored, machine.touches);
  const queues = new Map<number, NamedQueue>();
  for (const { key, value } of records(RecordKind.queue)) {
    const queue = readQueue(key, new ByteReader(value));
    queues.set(key, queue);
    jobs.queues.set(queue.name, queue);
  }
  const finished: Job[] = [];
  let latest = 0;
  for (const { key, value } of records(RecordKind.job)) {
    if (key <= latest || key >= jobs.nextJobId) throw new MalformedBytesError(`a checkpoint's job ${key} behind job ${latest}`);
    latest = key;
    const job = readJob(key, new ByteReader(value), queues);
    jobs.table.append(job);
    if (job.state === StateCode.completed || job.state === StateCode.failed) finished.push(job);
    else jobs.restore(job);
  }
  for (const job of finished.sort((a, b) => a.finishOrder - b.finishOrder)) jobs.restore(job);
  return machine;
}
