import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/protocol/commands.ts';
import {
  DEDUPLICATION_VERSION,
  EVENTS_VERSION,
  FLOWS_VERSION,
  JOB_CHANGES_VERSION,
  JOB_LOGS_VERSION,
  KEEP_TIME_VERSION,
} from '../../src/protocol/machine-version.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { NO_OFFSET } from '../../src/protocol/scheduler.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { written } from '../queue/flows.ts';
import { bytesOf, claimOptions, options, START_MS } from '../queue/harness.ts';
import { expectGolden, goldenBytes } from './golden-file.ts';
import { MachineOfVersion } from './machine-of-version.ts';

const FILE = 'records.txt';
const SCHEDULERS = [
  {
    ...{ scheduler: 'minutely', everyMs: 60_000, offsetMs: NO_OFFSET, pattern: '', tz: '' },
    ...{ startMs: 0, endMs: 0, ticksMax: 10, isImmediate: false },
  },
  {
    ...{ scheduler: 'daily', everyMs: 0, offsetMs: NO_OFFSET, pattern: '0 9 * * *', tz: 'Europe/Berlin' },
    ...{ startMs: START_MS + 1_000, endMs: START_MS + 9_000, ticksMax: 0, isImmediate: false },
  },
];
/** From this size on a payload stays in its entry, which becomes a record. */
const PAYLOAD_IN_ENTRY_BYTES = 64;

/** A machine with jobs in each state, of two queues, with a session that has unanswered requests, and its checkpoint. */
function checkpointed(version: number): MachineOfVersion {
  const queue = new MachineOfVersion(version, PAYLOAD_IN_ENTRY_BYTES);
  const send = (build: (to: RequestEncoder) => void): unknown => queue.send(build);
  send((to) => to.add('mail', bytesOf('completed'), options()));
  send((to) => to.add('mail', bytesOf('failed'), options({ attemptsMax: 1, keepFailed: 10 })));
  send((to) => to.claim('mail', claimOptions(2, 1000)));
  send((to) => to.complete(1, 1, bytesOf('{"ok":true}')));
  send((to) => to.command('fail', { jobId: 2, token: 2, reason: 'no such address', retry: true }));
  send((to) => to.add('mail', bytesOf('active'), options()));
  send((to) => to.claim('mail', { ...claimOptions(1, 60_000), holder: 7, stalledMax: 2 }));
  send((to) => to.add('mail', bytesOf('delayed'), options({ delayMs: 60_000, backoff: { type: 'fixed', delayMs: 500 } })));
  send((to) => to.add('news', bytesOf('waiting'), options({ priority: 3 })));
  send((to) => to.add('news', bytesOf('in its entry '.repeat(8)), options()));
  send((to) => to.add('news', new Uint8Array(0), options()));
  queue.tables.write(queue.machine);
  return queue;
}

/** The record of a paused queue alone: the others are as above. */
function paused(): MachineOfVersion {
  const queue = new MachineOfVersion(4, PAYLOAD_IN_ENTRY_BYTES);
  queue.send((to) => to.command('pause', { queue: 'mail', isPaused: true }));
  queue.tables.write(queue.machine);
  return queue;
}

/** The records of queues with limits alone. */
function limited(): MachineOfVersion {
  const queue = new MachineOfVersion(8, PAYLOAD_IN_ENTRY_BYTES);
  for (const name of ['mail', 'news']) queue.send((to) => to.command('setConcurrency', { queue: name, concurrencyMax: 10 }));
  queue.send((to) => to.command('pause', { queue: 'news', isPaused: true }));
  queue.send((to) => to.command('setRateLimit', { queue: 'rate', rateMax: 3, rateMs: 60_000 }));
  queue.send((to) => to.add('rate', bytesOf('x'), options()));
  queue.send((to) => to.claim('rate', claimOptions(1)));
  queue.send((to) => to.command('holdClaims', { queue: 'held', holdMs: 500 }));
  queue.tables.write(queue.machine);
  return queue;
}

/** Pages with and without a policy of the second layout. */
function withLifo(): MachineOfVersion {
  const queue = new MachineOfVersion(5, PAYLOAD_IN_ENTRY_BYTES);
  for (const isLifo of [true, true, false]) queue.send((to) => to.add('mail', bytesOf('x'), options({ isLifo })));
  queue.tables.write(queue.machine);
  return queue;
}

/** Jobs with custom ids before, between and behind others. */
function withCustomIds(): MachineOfVersion {
  const queue = new MachineOfVersion(6, PAYLOAD_IN_ENTRY_BYTES);
  for (const customId of ['order-17', undefined, 'ü', 'order-18']) queue.send((to) => to.add('mail', bytesOf('x'), options({ customId })));
  queue.tables.write(queue.machine);
  return queue;
}

/** Job schedulers with an interval and with a pattern, and a job of a tick before one without. */
function withSchedulers(): MachineOfVersion {
  const queue = new MachineOfVersion(COMMANDS.upsertScheduler.versions[0], PAYLOAD_IN_ENTRY_BYTES);
  for (const set of SCHEDULERS)
    queue.send((to) => to.upsertScheduler('mail', set, bytesOf('template'), options({ priority: 3, isLifo: true })));
  queue.send((to) => to.add('mail', bytesOf('x'), options()));
  queue.tables.write(queue.machine);
  return queue;
}

/** A job with a progress between others. */
function withProgress(): MachineOfVersion {
  const queue = new MachineOfVersion(JOB_CHANGES_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  for (const payload of ['x', 'y', 'z']) queue.send((to) => to.add('mail', bytesOf(payload), options()));
  queue.send((to) => to.command('updateProgress', { queue: 'mail', jobId: 2, token: 0, payload: bytesOf('half') }));
  queue.tables.write(queue.machine);
  return queue;
}

/** Jobs whose data were replaced: by small, by large and by no bytes, between others that share a record with them. */
function withData(): MachineOfVersion {
  const queue = new MachineOfVersion(JOB_CHANGES_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  for (const payload of ['a', 'b', 'c', 'd']) queue.send((to) => to.add('mail', bytesOf(payload), options()));
  queue.tables.write(queue.machine);
  for (const [at, payload] of ['small', 'in its entry '.repeat(8), ''].entries())
    queue.send((to) => to.command('updateData', { queue: 'mail', jobId: at + 1, token: 0, payload: bytesOf(payload) }));
  queue.tables.write(queue.machine);
  return queue;
}

/** A recording, its events in one block, and in the state without jobs. */
function withEvents(): MachineOfVersion {
  const queue = new MachineOfVersion(EVENTS_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  queue.send((to) => to.command('subscribeEvents', { queue: 'mail', ttlMs: 60_000 }));
  queue.send((to) => to.add('mail', bytesOf('x'), options()));
  queue.send((to) => to.command('remove', { queue: 'mail', jobId: 1 }));
  queue.tables.write(queue.machine);
  return queue;
}

/** A job that has taken its id until it ends, with an add that is kept; one that is gone; and one that has none. */
function withDeduplication(): MachineOfVersion {
  const queue = new MachineOfVersion(DEDUPLICATION_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  const deduplication = { id: 'user 7', ttlMs: 60_000, isExtending: true, isReplacing: false, keepsLast: false };
  queue.send((to) => to.add('mail', bytesOf('gone'), options({ keepCompleted: 0, customId: 'order-17', deduplication })));
  queue.send((to) => to.add('mail', bytesOf('active'), options({ deduplication: { ...deduplication, id: 'ü', keepsLast: true } })));
  queue.send((to) => to.add('mail', bytesOf('plain'), options()));
  queue.send((to) => to.claim('mail', claimOptions(2, 60_000)));
  queue.send((to) => to.complete(1, 1, new Uint8Array(0)));
  const next = options({
    customId: 'order-18',
    isLifo: true,
    priority: 3,
    delayMs: 500,
    deduplication: { ...deduplication, id: 'ü', keepsLast: true },
  });
  queue.send((to) => to.add('mail', bytesOf('next'), next));
  queue.tables.write(queue.machine);
  return queue;
}

/** A completed job that is kept for a time, and one that waits. */
function keptForTime(): MachineOfVersion {
  const queue = new MachineOfVersion(KEEP_TIME_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  for (const payload of ['completed', 'waiting'])
    queue.send((to) => to.add('mail', bytesOf(payload), options({ keepCompletedMs: 60_000, keepFailedMs: 3_600_000 })));
  queue.send((to) => to.claim('mail', claimOptions(1, 60_000)));
  queue.send((to) => to.complete(1, 1, new Uint8Array(0)));
  queue.tables.write(queue.machine);
  return queue;
}

/** A parent with children of another queue, one of which completed and is gone. */
function withFlow(): MachineOfVersion {
  const queue = new MachineOfVersion(FLOWS_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  const child = { queue: 'parts', options: { keepCompleted: 0, customId: 'part' } };
  const jobs = written([
    {
      name: 'whole',
      queue: 'mail',
      options: { delayMs: 50 },
      children: [
        { name: 'a', ...child },
        { name: 'b', onFailure: 'failParent' },
      ],
    },
  ]);
  queue.send((to) => to.addFlow(jobs));
  queue.send((to) => to.claim('parts', claimOptions(1)));
  queue.send((to) => to.complete(2, 1, bytesOf('result')));
  queue.tables.write(queue.machine);
  return queue;
}

/** Jobs with and without rows, of which one keeps few of them. */
function withLogs(): MachineOfVersion {
  const queue = new MachineOfVersion(JOB_LOGS_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  for (const keepLogs of [0, 3, 0]) queue.send((to) => to.add('mail', bytesOf('x'), options({ keepLogs })));
  for (let row = 0; row < 20; row += 1)
    for (const jobId of [1, 2]) queue.send((to) => to.command('addLog', { queue: 'mail', jobId, token: 0, keepMax: 0, row: `row ${row}` }));
  queue.tables.write(queue.machine);
  return queue;
}

function recordsOf(prefix: string, queue: MachineOfVersion): [string, Uint8Array][] {
  return RECORD_KINDS.flatMap((name, kind) =>
    queue.tables.records(kind).map(({ key, value }): [string, Uint8Array] => [`${prefix}${name} ${key}`, value]),
  );
}

describe('the bytes of checkpoint records', () => {
  it('are those that earlier releases write and read', () => {
    const today = recordsOf('', checkpointed(3));
    const others = [
      ...recordsOf('version 1: ', checkpointed(1)),
      ...recordsOf('paused: ', paused()),
      ...recordsOf('limited: ', limited()).filter(([name]) => name.startsWith('limited: queue')),
      ...recordsOf('lifo: ', withLifo()).filter(([name]) => name.startsWith('lifo: jobs')),
      ...recordsOf('custom ids: ', withCustomIds()).filter(([name]) => name.startsWith('custom ids: jobs')),
      ...recordsOf('schedulers: ', withSchedulers()).filter(([name]) => /: (jobs|queue)/.test(name)),
      ...recordsOf('progress: ', withProgress()).filter(([name]) => /^progress: (jobs|changed)/.test(name)),
      ...recordsOf('events: ', withEvents()).filter(([name]) => name.startsWith('events: queue')),
      ...recordsOf('flow: ', withFlow()).filter(([name]) => /^flow: (jobs|children|values)/.test(name)),
      ...recordsOf('logs: ', withLogs()).filter(([name]) => /^logs: (jobs|logs|rows)/.test(name)),
      ...recordsOf('data: ', withData()).filter(([name]) => /^data: (jobs|content|changed)/.test(name)),
      ...recordsOf('kept for a time: ', keptForTime()).filter(([name]) => name.startsWith('kept for a time: jobs')),
      ...recordsOf('deduplication: ', withDeduplication()).filter(([name]) => name.startsWith('deduplication: deduplicated')),
    ];
    expect(new Set([...today, ...others].map(([name]) => name.split(' ').at(-2)))).toEqual(new Set(RECORD_KINDS));
    expectGolden(FILE, Object.fromEntries([...today, ...others]));
  });

  it.each([
    ['', 3],
    ['version 1: ', 1],
  ])('%srestore the state that they were written from', (prefix, version) => {
    const { machine, tables } = checkpointed(version);
    const recordOf = (kind: number, key: number) => goldenBytes(FILE, `${prefix}${RECORD_KINDS[kind]} ${key}`);
    const restored = new JobQueue({ readRecord: recordOf, payloadInEntryBytes: PAYLOAD_IN_ENTRY_BYTES });
    restored.restore((kind) => tables.keys(kind).map((key) => ({ key, value: recordOf(kind, key) })));
    restored.check();
    expect(restored.digest()).toBe(machine.digest());
  });

  it('hold job schedulers, and the ticks of their jobs', () => {
    const { machine, tables } = withSchedulers();
    const restored = new JobQueue({
      readRecord: (kind, key) => tables.read(kind, key),
      payloadInEntryBytes: PAYLOAD_IN_ENTRY_BYTES,
    });
    const golden = (kind: number, key: number, value: Uint8Array): Uint8Array =>
      /jobs|queue/.test(RECORD_KINDS[kind] ?? '') ? goldenBytes(FILE, `schedulers: ${RECORD_KINDS[kind]} ${key}`) : value;
    restored.restore((kind) => tables.records(kind).map(({ key, value }) => ({ key, value: golden(kind, key, value) })));
    restored.check();
    expect(restored.digest()).toBe(machine.digest());
  });
});
