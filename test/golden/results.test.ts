import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/protocol/commands.ts';
import { readEvents } from '../../src/protocol/events.ts';
import { ChildStatus } from '../../src/protocol/flow.ts';
import { StateCode } from '../../src/protocol/job-state.ts';
import {
  DEDUPLICATION_VERSION,
  EVENTS_VERSION,
  FLOWS_VERSION,
  JOB_CHANGES_VERSION,
  JOB_LOGS_VERSION,
  TRANSACTIONS_VERSION,
} from '../../src/protocol/machine-version.ts';
import { decodeReply, type OperationResult } from '../../src/protocol/reply.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { RESULTS } from '../../src/protocol/results.ts';
import { NO_OFFSET } from '../../src/protocol/scheduler.ts';
import { encodeTransaction } from '../../src/protocol/transaction.ts';
import { written } from '../queue/flows.ts';
import { bytesOf, claimOptions, OPENING, options, START_MS } from '../queue/harness.ts';
import { expectGolden, goldenBytes } from './golden-file.ts';
import { MachineOfVersion } from './machine-of-version.ts';

const FILE = 'results.txt';
const RESULT_AT = 21;
const PAYLOAD_IN_ENTRY_BYTES = 8192;

type Build = (to: RequestEncoder) => void;

/** One reply for each name, in order: each request changes the results of the next ones. */
function repliesOf(version: number): [string, Uint8Array][] {
  const machine = new MachineOfVersion(version, PAYLOAD_IN_ENTRY_BYTES);
  return Object.entries(REQUESTS).map(([name, build]) => [name, machine.send(build)]);
}

const REQUESTS: Readonly<Record<string, Build>> = {
  added: (to) => to.add('mail', bytesOf('hello'), options({ delayMs: 0, priority: 3, attemptsMax: 5 })),
  'job, waiting': (to) => to.command('getJob', { jobId: 1 }),
  claimed: (to) => to.claim('mail', { ...claimOptions(2, 1000), holder: 7 }),
  'job, active': (to) => to.command('getJob', { jobId: 1 }),
  'claimed, none': (to) => to.claim('mail', claimOptions(2, 1000)),
  done: (to) => to.complete(1, 1, bytesOf('{"ok":true}')),
  'job, completed': (to) => to.command('getJob', { jobId: 1 }),
  'error of a lease that is lost': (to) => to.complete(1, 1, bytesOf('')),
  'error of a job that does not exist': (to) => to.command('getJob', { jobId: 99 }),
  'error of a state that does not allow it': (to) => to.command('retry', { queue: 'mail', jobId: 1 }),
  'added, with one attempt': (to) => to.add('mail', bytesOf('x'), options({ attemptsMax: 1 })),
  'claimed, one attempt': (to) => to.claim('mail', claimOptions(1, 1000)),
  'done, failed': (to) => to.command('fail', { jobId: 2, token: 2, reason: 'no such address: ü', retry: true }),
  'job, failed': (to) => to.command('getJob', { jobId: 2 }),
  'added, delayed': (to) => to.add('mail', bytesOf('later'), options({ delayMs: 60_000 })),
  'job, delayed': (to) => to.command('getJob', { jobId: 3 }),
  counts: (to) => to.command('counts', { queue: 'mail' }),
  'several results': (to) => {
    to.add('mail', bytesOf('a'), options());
    to.claim('mail', claimOptions(1, 1000));
    to.command('counts', { queue: 'mail' });
    to.command('getJob', { jobId: 1 });
  },
};

const ACTIVE_JOBS = { queue: 'q', state: StateCode.active, isDescending: false, afterRank: -1, afterTie: 0, start: 0, countMax: 10 };

/** Replies of the current machine that no operation within a session causes. */
function otherReplies(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(3, PAYLOAD_IN_ENTRY_BYTES);
  machine.send((to) => to.add('q', bytesOf('held'), options()));
  machine.send((to) => to.claim('q', { ...claimOptions(1, 1000), holder: 7 }));
  const twoCounts: Build = (to) => {
    to.command('counts', { queue: 'q' });
    to.command('counts', { queue: 'q' });
  };
  return {
    opened: machine.sendAs(OPENING + 1, (to) => to.command('openSession', {})),
    'error for all operations': machine.sendAs(4711, twoCounts),
    paused: paused(),
    ...limited(),
    ...withCustomIds(),
    ...withSchedulers(),
    ...withProgress(),
    ...withDeduplication(),
    ...withEvents(),
    ...withFlow(),
    ...withLogs(),
    ...withTransactions(),
    held: machine.machine.query(machine.request((to) => to.command('heldJobs', { holder: 7, countMax: 10 }), 1)),
    jobIds: machine.machine.query(machine.request((to) => to.command('jobIds', ACTIVE_JOBS), 1)),
    queueNames: machine.machine.query(machine.request((to) => to.command('queueNames', { after: 0, countMax: 10 }), 1)),
  };
}

function paused(): Uint8Array {
  const machine = new MachineOfVersion(4, PAYLOAD_IN_ENTRY_BYTES);
  machine.send((to) => to.command('pause', { queue: 'q', isPaused: true }));
  return machine.machine.query(machine.request((to) => to.command('isPaused', { queue: 'q' }), 1));
}

function limited(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(8, PAYLOAD_IN_ENTRY_BYTES);
  machine.send((to) => to.command('setConcurrency', { queue: 'q', concurrencyMax: 10 }));
  machine.send((to) => to.command('setRateLimit', { queue: 'q', rateMax: 3, rateMs: 60_000 }));
  machine.send((to) => to.command('holdClaims', { queue: 'q', holdMs: 500 }));
  const query = (build: (to: RequestEncoder) => void): Uint8Array => machine.machine.query(machine.request(build, 1));
  return {
    concurrency: query((to) => to.command('concurrency', { queue: 'q' })),
    rateLimit: query((to) => to.command('rateLimit', { queue: 'q' })),
    rateLimitTtl: machine.send((to) => to.command('rateLimitTtl', { queue: 'q', takenMin: 0 })),
  };
}

/** Their heads and payloads are those of jobs without custom ids. */
function withCustomIds(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(6, PAYLOAD_IN_ENTRY_BYTES);
  for (const customId of ['order-17', undefined, 'ü']) machine.send((to) => to.add('q', bytesOf('x'), options({ customId })));
  machine.send((to) => to.add('q', bytesOf('x'), options({ customId: 'order-18', delayMs: 60_000 })));
  return {
    'claimed, with custom ids': machine.send((to) => to.claim('q', claimOptions(3, 1000))),
    'removed, with a custom id': machine.send((to) => to.command('clean', { queue: 'q', jobId: 4, state: StateCode.delayed, graceMs: 0 })),
    'job, with a custom id': machine.machine.query(machine.request((to) => to.command('findJob', { queue: 'q', customId: 'ü' }), 1)),
  };
}

function withSchedulers(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(COMMANDS.upsertScheduler.versions[0], PAYLOAD_IN_ENTRY_BYTES);
  const times = { scheduler: 'hourly', everyMs: 3_600_000, offsetMs: NO_OFFSET, pattern: '', tz: '', startMs: 0, endMs: 0, ticksMax: 10 };
  const set = { ...times, isImmediate: false };
  machine.send((to) => to.upsertScheduler('q', set, bytesOf('template'), options({ priority: 7, isLifo: true })));
  machine.send((to) => to.add('q', bytesOf('x'), options({ customId: 'order-17' })));
  const remove: Build = (to) => to.command('removeScheduler', { queue: 'q', scheduler: 'gone' });
  return {
    'claimed, of a tick and with a custom id': machine.send((to) => to.claim('q', claimOptions(2, 1000))),
    'job, of a tick': machine.send((to) => to.command('getJob', { jobId: 1 })),
    'error of a job scheduler that does not exist': machine.send(remove),
    scheduler: machine.machine.query(machine.request((to) => to.command('getScheduler', { queue: 'q', scheduler: 'hourly' }), 1)),
    schedulerIds: machine.machine.query(
      machine.request((to) => to.command('schedulerIds', { queue: 'q', isDescending: false, start: 0, countMax: 9 }), 1),
    ),
  };
}

/** Behind the custom ids, of which there may be none. */
function withProgress(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(JOB_CHANGES_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  for (const customId of ['order-17', undefined]) machine.send((to) => to.add('q', bytesOf('x'), options({ customId })));
  machine.send((to) => to.command('updateProgress', { queue: 'q', jobId: 2, token: 0, payload: bytesOf('half') }));
  return {
    'job, with progress': machine.machine.query(machine.request((to) => to.command('getJob', { jobId: 2 }), 1)),
    'claimed, with progress': machine.send((to) => to.claim('q', claimOptions(2, 1000))),
  };
}

function withEvents(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(EVENTS_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  const subscribed = machine.send((to) => to.command('subscribeEvents', { queue: 'q', ttlMs: 60_000 }));
  machine.send((to) => to.add('q', bytesOf('x'), options({ customId: 'order-17', delayMs: 60_000 })));
  machine.send((to) => to.command('updateProgress', { queue: 'q', jobId: 1, token: 0, payload: bytesOf('half') }));
  const read = { queue: 'q', recording: 2, afterId: 0, countMax: 100, waitMs: 0 };
  return {
    subscribed,
    events: machine.machine.query(machine.request((to) => to.command('readEvents', read), 1)),
    'events, lost': machine.machine.query(machine.request((to) => to.command('readEvents', { ...read, recording: 1 }), 1)),
  };
}

/** Behind the custom ids, the ticks and the progress, of which there may be none. */
function withDeduplication(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(DEDUPLICATION_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  const deduplication = { id: 'user 7', ttlMs: 60_000, isExtending: true, isReplacing: true, keepsLast: false };
  const add: Build = (to) => to.add('q', bytesOf('x'), options({ customId: 'order-17', deduplication }));
  machine.send(add);
  machine.send((to) => to.add('q', bytesOf('x'), options()));
  return {
    deduplicated: machine.send((to) => to.add('q', bytesOf('x'), options({ deduplication }))),
    deduplicationJob: machine.machine.query(
      machine.request((to) => to.command('getDeduplicationJob', { queue: 'q', deduplicationId: 'user 7' }), 1),
    ),
    'claimed, deduplicated': machine.send((to) => to.claim('q', claimOptions(2, 1000))),
    deduplicationRemoved: machine.send((to) =>
      to.command('removeDeduplication', { queue: 'q', holderJobId: 0, deduplicationId: 'user 7' }),
    ),
  };
}

function withFlow(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(FLOWS_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  const child = { name: 'child', queue: 'parts', options: { customId: 'part' } };
  const jobs = written([{ name: 'parent', options: { customId: 'whole' }, children: [child, { name: 'other' }] }]);
  const query = (build: Build): Uint8Array => machine.machine.query(machine.request(build, 1));
  const children = { queue: 'q', jobId: 1, status: ChildStatus.processed, hasValues: true, after: 0, countMax: 10 };
  return {
    flowAdded: machine.send((to) => to.addFlow(jobs)),
    'flowAdded again': machine.send((to) => to.addFlow(jobs)),
    'error of an id that is taken': machine.send((to) => to.addFlow(written([{ name: 'p', children: [child] }]))),
    'claimed, a child': machine.send((to) => to.claim('parts', claimOptions())),
    'error of a child that is active': machine.send((to) => to.command('remove', { queue: 'q', jobId: 1 })),
    'done, a child': machine.send((to) => to.complete(2, 1, bytesOf('result'))),
    children: query((to) => to.command('children', children)),
    parent: query((to) => to.command('parentOf', { queue: 'parts', jobId: 2 })),
    stateCounts: query((to) => to.command('stateCounts', { queue: 'q' })),
    detached: machine.send((to) => to.command('removeDependency', { queue: 'q', jobId: 3 })),
  };
}

function withLogs(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(JOB_LOGS_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  machine.send((to) => to.add('q', bytesOf('x'), options({ keepLogs: 2 })));
  const log = (row: string) => machine.send((to) => to.command('addLog', { queue: 'q', jobId: 1, token: 0, keepMax: 0, row: row }));
  log('first');
  log('second');
  const read: Build = (to) => to.command('getLogs', { queue: 'q', jobId: 1, start: 0, countMax: 9, isDescending: true });
  return { logged: log('third: ü'), logs: machine.machine.query(machine.request(read, 1)) };
}

function withTransactions(): Record<string, Uint8Array> {
  const machine = new MachineOfVersion(TRANSACTIONS_VERSION, PAYLOAD_IN_ENTRY_BYTES);
  machine.send((to) => to.add('q', bytesOf('x'), options()));
  machine.send((to) => to.claim('q', claimOptions(1, 1000)));
  const payload = encodeTransaction((to) => {
    to.complete(1, 1, bytesOf('5'));
    to.add('q', bytesOf('next'), options());
  });
  return {
    transacted: machine.send((to) => to.command('transact', { payload })),
    transactionRejected: machine.send((to) => to.command('transact', { payload })),
  };
}

function allReplies(): Record<string, Uint8Array> {
  const version1 = repliesOf(1).filter(([name]) => /^(claimed|job)/.test(name));
  const prefixed = version1.map(([name, bytes]) => [`version 1: ${name}`, bytes]);
  return { ...Object.fromEntries(repliesOf(3)), ...otherReplies(), ...Object.fromEntries(prefixed) };
}

const resultsIn = (name: string): readonly OperationResult[] => decodeReply(goldenBytes(FILE, name)).results;

describe('the bytes of replies', () => {
  it('are those that earlier releases write and read', () => {
    expectGolden(FILE, allReplies());
  });

  it.each([
    ['error', 'error of a lease that is lost'],
    ['added', 'added'],
    ['claimed1', 'version 1: claimed'],
    ['done', 'done'],
    ['counts', 'counts'],
    ['job1', 'version 1: job, active'],
    ['opened', 'opened'],
    ['claimed', 'claimed'],
    ['job', 'job, active'],
    ['held', 'held'],
    ['paused', 'paused'],
    ['concurrency', 'concurrency'],
    ['rateLimit', 'rateLimit'],
    ['rateLimitTtl', 'rateLimitTtl'],
    ['jobIds', 'jobIds'],
    ['queueNames', 'queueNames'],
    ['removed', 'removed, with a custom id'],
    ['scheduler', 'scheduler'],
    ['schedulerIds', 'schedulerIds'],
    ['deduplicated', 'deduplicated'],
    ['deduplicationJob', 'deduplicationJob'],
    ['deduplicationRemoved', 'deduplicationRemoved'],
    ['subscribed', 'subscribed'],
    ['events', 'events'],
    ['flowAdded', 'flowAdded'],
    ['children', 'children'],
    ['parent', 'parent'],
    ['stateCounts', 'stateCounts'],
    ['detached', 'detached'],
    ['logged', 'logged'],
    ['logs', 'logs'],
    ['transacted', 'transacted'],
    ['transactionRejected', 'transactionRejected'],
  ] as const)('hold the code of %s', (code, name) => {
    expect(goldenBytes(FILE, name)[RESULT_AT]).toBe(RESULTS[code].code);
  });

  it('contain the events of a queue', () => {
    const [result] = resultsIn('events');
    if (!result?.ok || result.type !== 'events') throw new Error('no events');
    expect(result).toMatchObject({ recording: 2, first: 1, last: 3, isLost: false, count: 3 });
    expect(readEvents(result.events).map(({ name, customId }) => [name, customId])).toEqual([
      ['added', 'order-17'],
      ['delayed', 'order-17'],
      ['progress', 'order-17'],
    ]);
    expect(resultsIn('events, lost')).toMatchObject([{ recording: 2, isLost: true, count: 3 }]);
  });

  it('contain the custom ids of jobs', () => {
    expect(resultsIn('claimed, with custom ids')).toMatchObject([
      {
        jobs: [
          { id: 1, customId: 'order-17' },
          { id: 2, customId: undefined },
          { id: 3, customId: 'ü' },
        ],
      },
    ]);
    expect(resultsIn('job, with a custom id')).toMatchObject([{ job: { id: 3, customId: 'ü' } }]);
    expect(resultsIn('removed, with a custom id')).toEqual([{ ok: true, type: 'removed', customId: 'order-18' }]);
  });

  it('contain deduplication ids', () => {
    expect(resultsIn('claimed, deduplicated')).toMatchObject([
      { jobs: [{ id: 1, customId: 'order-17', deduplicationId: 'user 7' }, { id: 2 }] },
    ]);
    expect(resultsIn('deduplicated')).toEqual([{ ok: true, type: 'deduplicated', id: 1, customId: 'order-17' }]);
  });

  it('contain flows', () => {
    expect(resultsIn('flowAdded')).toEqual([{ ok: true, type: 'flowAdded', firstId: 1, ids: [1] }]);
    expect(resultsIn('flowAdded again')).toEqual([{ ok: true, type: 'flowAdded', firstId: 4, ids: [1] }]);
    expect(resultsIn('error of an id that is taken')).toMatchObject([{ ok: false, code: 'FLOW_ID_TAKEN', job: 2, state: 'waiting' }]);
    expect(resultsIn('error of a child that is active')).toMatchObject([{ ok: false, code: 'CHILD_ACTIVE', job: 1 }]);
    const child = { id: 2, queue: 'parts', customId: 'part', status: ChildStatus.processed, value: bytesOf('result') };
    expect(resultsIn('children')).toMatchObject([{ unprocessed: 1, processed: 1, isOver: true, children: [child] }]);
    expect(resultsIn('parent')).toMatchObject([{ parentId: 1, parentQueue: 'q', parentCustomId: 'whole' }]);
    expect(resultsIn('stateCounts')).toMatchObject([{ waitingChildren: 1, waiting: 1, completed: 0 }]);
    expect(resultsIn('detached')).toMatchObject([{ wasChild: true }]);
  });

  it('contain job schedulers, and the ticks of their jobs', () => {
    const tick = { scheduler: 'hourly', tick: 1, scheduledMs: START_MS + 20 };
    expect(resultsIn('claimed, of a tick and with a custom id')).toMatchObject([
      {
        jobs: [
          { id: 2, customId: 'order-17' },
          { id: 1, tick, payload: bytesOf('template') },
        ],
      },
    ]);
    expect(resultsIn('job, of a tick')).toMatchObject([{ job: { id: 1, priority: 7, tick } }]);
    expect(resultsIn('error of a job scheduler that does not exist')).toMatchObject([{ ok: false, code: 'SCHEDULER_NOT_FOUND' }]);
    expect(resultsIn('scheduler')).toMatchObject([
      {
        ...{ scheduler: 'hourly', everyMs: 3_600_000, nextMs: START_MS + 3_600_020, ticks: 1, ticksMax: 10, priority: 7 },
        policy: { attemptsMax: 3, isLifo: true },
        payload: bytesOf('template'),
      },
    ]);
    expect(resultsIn('schedulerIds')).toEqual([{ ok: true, type: 'schedulerIds', total: 1, schedulers: ['hourly'] }]);
  });

  it('contain the progress of jobs', () => {
    expect(resultsIn('job, with progress')).toMatchObject([{ job: { id: 2, customId: undefined, progress: bytesOf('half') } }]);
    expect(resultsIn('claimed, with progress')).toMatchObject([
      {
        jobs: [
          { id: 1, customId: 'order-17', progress: undefined },
          { id: 2, customId: undefined, progress: bytesOf('half') },
        ],
      },
    ]);
  });

  it('contain the result of each operation', () => {
    const { payload, id, ...job } = { payload: bytesOf('hello'), id: 1, attemptsMax: 5, addedMs: START_MS + 20 };
    expect(resultsIn('claimed')).toEqual([
      { ok: true, type: 'claimed', jobs: [{ ...job, id, payload, token: 1, attempt: 1, isBegun: true, stalls: 0 }] },
    ]);
    expect(resultsIn('version 1: claimed')).toEqual(resultsIn('claimed'));
    expect(resultsIn('job, completed')).toMatchObject([
      { job: { id, payload, queue: 'mail', state: 'completed', result: bytesOf('{"ok":true}') } },
    ]);
    expect(resultsIn('job, failed')).toMatchObject([{ job: { id: 2, state: 'failed', failedReason: 'no such address: ü' } }]);
    expect(resultsIn('counts')).toMatchObject([{ counts: { delayed: 1, waiting: 0, active: 0, completed: 1, failed: 1 } }]);
    expect(resultsIn('several results').map((result) => result.ok && result.type)).toEqual(['added', 'claimed', 'counts', 'job']);
    expect(resultsIn('error for all operations')).toMatchObject([{ code: 'SESSION_EXPIRED' }, { code: 'SESSION_EXPIRED' }]);
    expect(resultsIn('opened')).toEqual([{ ok: true, type: 'opened', client: 2 }]);
    expect(resultsIn('paused')).toEqual([{ ok: true, type: 'paused', isPaused: true }]);
    expect(resultsIn('concurrency')).toEqual([{ ok: true, type: 'concurrency', concurrencyMax: 10 }]);
    expect(resultsIn('rateLimit')).toEqual([{ ok: true, type: 'rateLimit', rateMax: 3, rateMs: 60_000 }]);
    expect(resultsIn('rateLimitTtl')).toEqual([{ ok: true, type: 'rateLimitTtl', ttlMs: 490 }]);
    expect(resultsIn('held')).toEqual([{ ok: true, type: 'held', jobs: [{ id: 1, token: 1 }] }]);
    expect(resultsIn('jobIds')).toEqual([{ ok: true, type: 'jobIds', skipped: 0, isOver: true, rank: 0, tie: 1, ids: [1] }]);
    expect(resultsIn('queueNames')).toEqual([{ ok: true, type: 'queueNames', isOver: true, last: 1, names: ['q'] }]);
  });
});
