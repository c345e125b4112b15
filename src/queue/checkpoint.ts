import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { invariant } from '../base/invariant.ts';
import { StateCode } from '../protocol/job-state.ts';
import { MACHINE_VERSION_FIRST } from '../protocol/machine-version.ts';
import type { RecordChange, RecordSource } from '../protocol/record.ts';
import type { ChangeSet, ChangeTracker, RemovedJob } from './change-tracker.ts';
import { ALONE, type CheckpointLayout, IN_ENTRY, RECORD_PAGE_JOBS, REPLACED } from './checkpoint-layout.ts';
import { readDeduplicatedJob, writeDeduplicatedJob } from './deduplicated-job.ts';
import type { ChildLink, FlowParent } from './flow-link.ts';
import { readLinks, writeLinks } from './flow-record.ts';
import { type Job, JobFlag } from './job.ts';
import { readLog } from './job-log.ts';
import { readJobs, writeJobs } from './job-record.ts';
import type { JobStore } from './job-store.ts';
import { logRecords } from './log-rows.ts';
import { type NamedQueue, readQueue, writeQueue } from './named-queue.ts';
import { entryDataOf, packOf, packsOf, writePack } from './payload-pack.ts';
import {
  EVENT_KEY_FIRST,
  eventKey,
  type MachineRecord,
  outcomeKey,
  payloadKey,
  progressKey,
  RecordKind,
  readMachine,
  readSession,
  replacedKey,
  SCHEDULER_KEY_FIRST,
  schedulerKey,
  writeMachine,
  writeSession,
} from './record.ts';
import { readScheduler, writeScheduler } from './scheduler.ts';
import type { Session, SessionTable } from './session.ts';

/**
 * What changed since the last checkpoint, encoded while it is read. Read it once and to the end, and apply nothing
 * meanwhile. Deletions come before the records that replace them.
 */
export class CheckpointChanges implements Iterable<RecordChange> {
  readonly #machine: MachineRecord;
  readonly #jobs: JobStore;
  readonly #set: ChangeSet;
  readonly #layout: CheckpointLayout;
  readonly #readRecord: (kind: number, key: number) => Uint8Array | undefined;
  /** Jobs whose bytes the checkpoint holds once it is written. */
  readonly #written: Job[] = [];
  /** Likewise children with values. */
  readonly #writtenChildren: ChildLink[] = [];
  readonly #to = new ByteWriter(1024);
  #count = 0;
  #isComplete = false;

  /** @param readRecord reads a record from the last checkpoint. */
  constructor(
    machine: MachineRecord,
    jobs: JobStore,
    changes: ChangeTracker,
    layout: CheckpointLayout,
    readRecord: (kind: number, key: number) => Uint8Array | undefined,
  ) {
    this.#machine = machine;
    this.#jobs = jobs;
    this.#set = changes.take();
    this.#layout = layout;
    this.#readRecord = readRecord;
  }

  /** Records returned so far; all of them once the changes are read to the end. */
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
    yield* this.#deduplicated();
    yield* this.#removedJobs();
    yield* this.#logs();
    for (const page of this.#set.pages) yield* this.#page(page);
    yield* this.#children();
    this.#isComplete = true;
  }

  /** Drops the bytes from memory that the checkpoint now holds. */
  evict(): void {
    for (const job of this.#written) {
      job.entryData = undefined;
      if (job.packPosition !== IN_ENTRY) job.offset = 0;
      if (job.end.outcome !== undefined) job.ownEnd().outcome = undefined;
      const progress = this.#jobs.progress.get(job);
      if (progress !== undefined) progress.bytes = undefined;
    }
    for (const link of this.#writtenChildren) link.value = undefined;
    for (const log of this.#set.logs.values()) log.evict();
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
    for (const id of this.#set.removedSchedulers) yield this.#gone(RecordKind.queue, schedulerKey(id));
    for (const queue of this.#set.queues) {
      queue.isStored = true;
      yield this.#encoded(RecordKind.queue, queue.number, () => writeQueue(this.#to, queue));
    }
    for (const number of this.#set.events.removed) yield this.#gone(RecordKind.queue, eventKey(number));
    for (const scheduler of this.#set.schedulers) {
      scheduler.isStored = true;
      yield this.#encoded(RecordKind.queue, schedulerKey(scheduler.id), () => writeScheduler(this.#to, scheduler));
    }
    for (const record of this.#set.events.changed) {
      record.isStored = true;
      yield this.#encoded(RecordKind.queue, eventKey(record.number), () => record.write(this.#to));
    }
  }

  *#deduplicated(): Generator<RecordChange> {
    for (const id of this.#set.removedDeduplicated) yield this.#gone(RecordKind.deduplicated, id);
    for (const job of this.#set.deduplicated) {
      job.isStored = true;
      yield this.#encoded(RecordKind.deduplicated, job.id, () => writeDeduplicatedJob(this.#to, job));
    }
  }

  *#removedJobs(): Generator<RecordChange> {
    for (const removed of this.#set.removedJobs) {
      const { id, flags } = removed;
      if ((flags & JobFlag.payloadStored) !== 0) yield* this.#removedPayload(removed);
      if ((flags & JobFlag.outcomeStored) !== 0) yield this.#gone(RecordKind.content, outcomeKey(id));
      if ((flags & JobFlag.progressStored) !== 0) yield this.#gone(RecordKind.changed, progressKey(id));
    }
  }

  *#logs(): Generator<RecordChange> {
    for (const change of logRecords(this.#set, this.#readRecord)) {
      this.#count += 1;
      yield change;
    }
  }

  *#removedPayload(removed: RemovedJob): Generator<RecordChange> {
    const { packPosition, entry } = removed;
    const { packs, entries } = this.#layout;
    if (packPosition === IN_ENTRY) {
      if (entries.remove(entry)) yield this.#gone(RecordKind.entry, entry);
    } else if (packPosition === REPLACED) yield this.#gone(RecordKind.changed, replacedKey(removed.id));
    else if (packPosition === ALONE || packs.remove(packOf(removed))) yield this.#gone(RecordKind.content, payloadKey(packOf(removed)));
  }

  *#page(page: number): Generator<RecordChange> {
    const jobs = this.#jobs.table.between(page * RECORD_PAGE_JOBS, (page + 1) * RECORD_PAGE_JOBS);
    if (jobs.length === 0) {
      if (this.#layout.pageEmptied(page)) yield this.#gone(RecordKind.jobs, page);
      return;
    }
    const unpacked: Job[] = [];
    for (const job of jobs) {
      if ((job.flags & JobFlag.dirty) === 0) continue;
      if ((job.flags & JobFlag.payloadStored) === 0 && job.length > 0) {
        if (job.entry > 0) yield* this.#keptEntry(job);
        else if (job.packPosition === REPLACED) yield this.#replaced(job);
        else unpacked.push(job);
      }
      if ((job.flags & JobFlag.outcomeDirty) !== 0) yield* this.#outcome(job);
      if ((job.flags & JobFlag.progressDirty) !== 0) yield this.#progress(job);
      job.flags = (job.flags & ~(JobFlag.dirty | JobFlag.outcomeDirty | JobFlag.progressDirty)) | JobFlag.rowStored;
      this.#written.push(job);
    }
    if (unpacked.length > 0) for (const pack of packsOf(unpacked)) yield this.#pack(pack);
    this.#layout.pageWritten(page);
    yield this.#encoded(RecordKind.jobs, page, () => writeJobs(this.#to, jobs, this.#jobs.progress));
  }

  #replaced(job: Job): RecordChange {
    job.flags |= JobFlag.payloadStored;
    return this.#put(RecordKind.changed, replacedKey(job.id), payloadInMemory(job));
  }

  *#keptEntry(job: Job): Generator<RecordChange> {
    job.flags |= JobFlag.payloadStored;
    job.packPosition = IN_ENTRY;
    if (this.#layout.entries.add(job.entry)) yield this.#put(RecordKind.entry, job.entry, entryDataOf(job));
  }

  #pack(jobs: readonly Job[]): RecordChange {
    const [first] = jobs;
    invariant(first !== undefined, () => 'a pack without a job');
    for (const job of jobs) {
      job.flags |= JobFlag.payloadStored;
      if (job.packPosition !== ALONE) this.#layout.packs.add(first.id);
    }
    if (first.packPosition === ALONE) return this.#put(RecordKind.content, payloadKey(first.id), payloadInMemory(first));
    return this.#encoded(RecordKind.content, payloadKey(first.id), () => writePack(this.#to, jobs));
  }

  *#outcome(job: Job): Generator<RecordChange> {
    const { flags } = job;
    const { outcome } = job.end;
    if (outcome !== undefined && outcome.length > 0) {
      job.flags |= JobFlag.outcomeStored;
      yield this.#put(RecordKind.content, outcomeKey(job.id), outcome);
    } else if ((flags & JobFlag.outcomeStored) !== 0) {
      job.flags &= ~JobFlag.outcomeStored;
      yield this.#gone(RecordKind.content, outcomeKey(job.id));
    }
  }

  #progress(job: Job): RecordChange {
    const bytes = this.#jobs.progress.get(job)?.bytes;
    invariant(bytes !== undefined, () => `the progress of job ${job.id} is not in memory`);
    job.flags |= JobFlag.progressStored;
    return this.#put(RecordKind.changed, progressKey(job.id), bytes);
  }

  *#children(): Generator<RecordChange> {
    for (const id of this.#set.removedChildValues) yield this.#gone(RecordKind.values, id);
    const { childPages } = this.#layout;
    for (const page of this.#set.childPages) {
      const links = this.#jobs.flows.between(page * RECORD_PAGE_JOBS, (page + 1) * RECORD_PAGE_JOBS);
      if (links.length === 0) {
        if (childPages.delete(page)) yield this.#gone(RecordKind.children, page);
        continue;
      }
      for (const link of links) {
        if (!link.isValueDirty || link.value === undefined) continue;
        link.isValueDirty = false;
        link.isValueStored = true;
        this.#writtenChildren.push(link);
        yield this.#put(RecordKind.values, link.id, link.value);
      }
      childPages.add(page);
      yield this.#encoded(RecordKind.children, page, () => writeLinks(this.#to, links));
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

const isInPack = ({ packPosition }: Job): boolean => packPosition !== ALONE && packPosition !== REPLACED;

const payloadInMemory = (job: Job): Uint8Array => entryDataOf(job).subarray(job.offset, job.offset + job.length);

/**
 * Fills an empty state from a checkpoint; payloads stay on disk. A checkpoint without records is the empty state.
 * @throws {MalformedBytesError} when a record is damaged.
 */
export function restoreCheckpoint(records: RecordSource, jobs: JobStore, sessions: SessionTable, layout: CheckpointLayout): MachineRecord {
  let machine: MachineRecord = { version: MACHINE_VERSION_FIRST, logMs: 0, wallMs: 0, appliedIndex: 0, touches: 0, nextSessionId: 1 };
  for (const { value } of records(RecordKind.machine)) machine = readMachine(new ByteReader(value), jobs);
  const restored: Session[] = [];
  for (const { key, value } of records(RecordKind.session)) restored.push(readSession(key, new ByteReader(value)));
  sessions.restore(restored, machine.touches);
  const queues = new Map<number, NamedQueue<Job>>();
  for (const { key, value } of records(RecordKind.queue)) {
    if (key >= EVENT_KEY_FIRST) {
      jobs.events.restore(key - EVENT_KEY_FIRST, new ByteReader(value), queues);
      continue;
    }
    if (key >= SCHEDULER_KEY_FIRST) {
      jobs.schedulers.restore(readScheduler(key - SCHEDULER_KEY_FIRST, new ByteReader(value), queues));
      continue;
    }
    const queue = readQueue<Job>(key, new ByteReader(value));
    queues.set(key, queue);
    jobs.restoreQueue(queue);
  }
  const finished: Job[] = [];
  let latest = 0;
  for (const { key, value } of records(RecordKind.jobs)) {
    layout.pageWritten(key);
    for (const job of readJobs(key, new ByteReader(value), queues, jobs.progress)) {
      if (job.id <= latest || job.id >= jobs.nextJobId) throw new MalformedBytesError(`a checkpoint's job ${job.id} behind job ${latest}`);
      latest = job.id;
      if (job.packPosition === IN_ENTRY) layout.entries.add(job.entry);
      else if (job.length > 0 && isInPack(job)) layout.packs.add(packOf(job));
      jobs.table.append(job);
      if (job.state === StateCode.completed || job.state === StateCode.failed) finished.push(job);
      else jobs.restore(job);
    }
  }
  restoreFlows(records, jobs, layout);
  for (const { key, value } of records(RecordKind.logs)) jobs.logs.restore(key, readLog(new ByteReader(value)));
  for (const job of finished.sort((a, b) => a.end.finishOrder - b.end.finishOrder)) jobs.restore(job);
  for (const { key, value } of records(RecordKind.deduplicated))
    jobs.deduplications.restore(readDeduplicatedJob(key, new ByteReader(value), queues), jobs.table.get(key) !== undefined);
  return machine;
}

function restoreFlows(records: RecordSource, jobs: JobStore, layout: CheckpointLayout): void {
  const parents = new Map<number, FlowParent>();
  for (const { key, value } of records(RecordKind.children)) {
    layout.childPages.add(key);
    for (const link of readLinks(key, new ByteReader(value), parents)) jobs.flows.restore(link);
  }
}
