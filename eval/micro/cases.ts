import { ANY_DISK, asIndex, asNodeId, asTerm, ZERO_ENTRY } from '../../src/base/ids.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { decodeReply } from '../../src/queue/reply.ts';
import { type AddOptions, RequestEncoder } from '../../src/queue/request.ts';
import { raftConfig } from '../../src/raft/config.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { RaftCore } from '../../src/raft/raft-core.ts';
import type { NodeStorage } from '../../src/storage/port.ts';

/** One thing that is measured alone. */
export interface MicroCase {
  readonly name: string;
  /** How many operations one call of `run` carries out; a cost is told per operation. */
  readonly operations: number;
  /** What the case was varied by: waiting jobs, or rows in a commit. */
  readonly size: number;
  run(): void;
}

const QUEUE = 'bench';
const CONTENT = new Uint8Array(64).fill(65);
const CLIENT = 1;
const BATCH = 64;
const OPTIONS: AddOptions = {
  delayMs: 0,
  priority: 0,
  attemptsMax: 1,
  backoff: { type: 'none', delayMs: 0 },
  keepCompleted: 0,
  keepFailed: 0,
};

/** A state machine with its client's session, driven by entries as a log would. */
class DrivenQueue {
  readonly #machine = new JobQueue({ readContent: () => undefined });
  readonly #encoder = new RequestEncoder(BATCH * 128);
  #sequence = 0;
  #index = 0;
  #reply: Uint8Array | undefined;

  constructor(waiting: number) {
    this.apply((encoder) => encoder.openSession());
    for (let added = 0; added < waiting; added += BATCH) this.add(Math.min(BATCH, waiting - added));
  }

  add(count: number): void {
    this.apply((encoder) => {
      for (let job = 0; job < count; job += 1) encoder.add(QUEUE, CONTENT, OPTIONS);
    });
  }

  /** Claims and completes `count` jobs. */
  cycle(count: number): void {
    this.apply((encoder) => encoder.claim(QUEUE, count, 30_000, 0));
    const [result] = decodeReply(this.#reply ?? new Uint8Array(0)).results;
    if (!result?.ok || result.type !== 'claimed' || result.jobs.length !== count) throw new Error(`${count} jobs were to be claimed`);
    this.apply((encoder) => {
      for (const { id, token } of result.jobs) encoder.complete(id, token, new Uint8Array(0));
    });
  }

  apply(fill: (encoder: RequestEncoder) => void): void {
    this.#sequence += 1;
    this.#index += 1;
    this.#encoder.begin(CLIENT, this.#sequence, this.#sequence);
    fill(this.#encoder);
    const request = this.#encoder.finish();
    const data = new Uint8Array(12 + request.length);
    const view = new DataView(data.buffer);
    view.setFloat64(0, this.#index, true);
    view.setUint32(8, request.length, true);
    data.set(request, 12);
    this.#machine.apply(asIndex(this.#index), data, {
      wants: () => true,
      reply: (_client, _sequence, bytes) => {
        this.#reply = bytes;
      },
    });
  }
}

/** Encoding on the client, and what a replica does with it, by how many jobs wait already. */
export function queueCases(waitingCounts: readonly number[]): MicroCase[] {
  const encoder = new RequestEncoder(BATCH * 128);
  const encode: MicroCase = {
    name: 'encode add',
    operations: BATCH,
    size: BATCH,
    run: () => {
      encoder.begin(CLIENT, 1, 1);
      for (let job = 0; job < BATCH; job += 1) encoder.add(QUEUE, CONTENT, OPTIONS);
      encoder.finish();
    },
  };
  const cycles = waitingCounts.map((waiting): MicroCase => {
    const queue = new DrivenQueue(waiting);
    return {
      name: 'add, claim, complete',
      operations: BATCH,
      size: waiting,
      run: () => {
        queue.add(BATCH);
        queue.cycle(BATCH);
      },
    };
  });
  return [encode, ...cycles];
}

/** One step of a leader that is alone: propose, persist, commit. */
export function coreCase(): MicroCase {
  const id = asNodeId(1);
  const core = new RaftCore({
    id,
    disk: ANY_DISK,
    config: raftConfig(),
    configuration: configurationOf({ voters: [id] }),
    hardState: { term: asTerm(0), votedFor: undefined },
    compacted: ZERO_ENTRY,
    entries: [],
    commit: asIndex(0),
    seed: 1,
    now: 0,
  });
  const now = core.nextDeadlineMs;
  core.step({ type: 'deadline', now });
  core.step({ type: 'persisted', now, upTo: core.view.log.last });
  return {
    name: 'core: propose and commit',
    operations: 1,
    size: 1,
    run: () => {
      core.step({ type: 'propose', now, data: CONTENT });
      core.step({ type: 'persisted', now, upTo: core.view.log.last });
      if (core.view.log.lastIndex - core.view.log.firstIndex > 10_000) core.step({ type: 'compacted', now, upTo: core.view.commit });
    },
  };
}

/** One durable transaction with so many entries. */
export function storageCases(storage: NodeStorage, entryCounts: readonly number[]): MicroCase[] {
  let last = 0;
  return entryCounts.map((count) => ({
    name: 'SQLite: one commit',
    operations: 1,
    size: count,
    run: () => {
      const from = asIndex(last + 1);
      const entries = Array.from({ length: count }, (_, at) => ({
        index: asIndex(last + 1 + at),
        term: asTerm(1),
        kind: 'command' as const,
        data: CONTENT,
      }));
      storage.persist({ append: { from, entries } });
      last += count;
    },
  }));
}
