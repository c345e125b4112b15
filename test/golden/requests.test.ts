import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { COMMAND_NAMES, COMMANDS, type CommandName } from '../../src/protocol/commands.ts';
import { type EntryHeader, readEntryHeader, writeEntryHeader } from '../../src/protocol/entry-data.ts';
import { NO_PARENT, OnFailure, type WrittenFlowJob } from '../../src/protocol/flow.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { type AddOptions, HEADER_BYTES, policyOf, RequestEncoder, type SchedulerOptions } from '../../src/protocol/request-encoder.ts';
import { OF_QUERIES, OperationReader } from '../../src/protocol/request-reader.ts';
import { encodeTransaction } from '../../src/protocol/transaction.ts';
import { Version1Encoder } from '../../src/sim/version-1-encoder.ts';
import { bytesOf, claimOptions, options } from '../queue/harness.ts';
import { expectGolden, goldenBytes } from './golden-file.ts';

const FILE = 'requests.txt';
const POLICY: AddOptions = options({
  delayMs: 1500.5,
  priority: 7,
  attemptsMax: 5,
  backoff: { type: 'exponential', delayMs: 250 },
  keepCompleted: 100,
  keepFailed: -1,
});
const CLAIM = { ...claimOptions(16, 30_000), beginMax: 4, waitMs: 10_000, stalledMax: 2, holder: 99 };

const DEBOUNCE = { id: 'user 7', ttlMs: 60_000, isExtending: true, isReplacing: true, keepsLast: false };

const HOURLY: SchedulerOptions = {
  ...{ scheduler: 'hourly', everyMs: 3_600_000, offsetMs: 60_000, pattern: '', tz: '' },
  ...{ startMs: 1_700_000_000_000, endMs: 1_800_000_000_000, ticksMax: 10, isImmediate: true },
};
const DAILY: SchedulerOptions = {
  ...HOURLY,
  scheduler: 'daily',
  everyMs: 0,
  offsetMs: -1,
  pattern: '0 9 * * *',
  tz: 'Europe/Berlin',
  endMs: 0,
};

/** The options of a later layout. */
const NOT_FOR_TIME = { keepCompletedMs: 0, keepFailedMs: 0 };
const IN_FLOW = { policy: policyOf({ ...POLICY, isLifo: true }), delayMs: 1500.5, priority: 7 };
/** A parent with two children. */
const TREE: readonly WrittenFlowJob[] = [
  { ...IN_FLOW, parent: NO_PARENT, onFailure: OnFailure.wait, queueName: 'mail', customId: 'order-17', payload: bytesOf('parent') },
  { ...IN_FLOW, parent: 0, onFailure: OnFailure.failParent, queueName: 'mail', customId: '', payload: bytesOf('first') },
  { ...IN_FLOW, parent: 0, onFailure: OnFailure.remove, queueName: 'news', customId: 'part-2', payload: bytesOf('') },
];

/** One request of each operation, by the operation's name. */
const OPERATIONS: Readonly<Record<CommandName, (to: RequestEncoder) => void>> = {
  openSession: (to) => to.command('openSession', {}),
  add: (to) => to.add('mail', bytesOf('hello'), POLICY),
  claim1: (to) => to.claim('mail', CLAIM),
  extend: (to) => to.command('extend', { jobId: 12, token: 34, leaseMs: 30_000 }),
  complete: (to) => to.complete(12, 34, bytesOf('{"ok":true}')),
  fail: (to) => to.command('fail', { jobId: 12, token: 34, reason: 'no such address: ü', retry: true }),
  release: (to) => to.command('release', { jobId: 12, token: 34 }),
  counts: (to) => to.command('counts', { queue: 'mail' }),
  getJob: (to) => to.command('getJob', { jobId: 2 ** 40 }),
  retry1: (to) => to.command('retry', { queue: 'mail', jobId: 12 }),
  remove1: (to) => to.command('remove', { queue: 'mail', jobId: 12 }),
  claim: (to) => to.claim('mail', CLAIM),
  begin: (to) => to.command('begin', { jobId: 12, token: 34 }),
  retry: (to) => to.command('retry', { queue: 'mail', jobId: 12 }),
  remove: (to) => to.command('remove', { queue: 'mail', jobId: 12 }),
  releaseHolder: (to) => to.command('releaseHolder', { holder: 99 }),
  heldJobs: (to) => to.command('heldJobs', { holder: 99, countMax: 1000 }),
  pause: (to) => to.command('pause', { queue: 'mail', isPaused: true }),
  isPaused: (to) => to.command('isPaused', { queue: 'mail' }),
  jobIds: (to) =>
    to.command('jobIds', { queue: 'mail', state: 2, isDescending: true, afterRank: 7, afterTie: 12, start: 5, countMax: 1000 }),
  queueNames: (to) => to.command('queueNames', { after: 3, countMax: 100 }),
  promote: (to) => to.command('promote', { queue: 'mail', jobId: 12 }),
  addWithId: (to) => to.add('mail', bytesOf('hello'), { ...POLICY, customId: 'order-17' }),
  findJob: (to) => to.command('findJob', { queue: 'mail', customId: 'order-17' }),
  changePriority: (to) => to.command('changePriority', { queue: 'mail', jobId: 12, priority: 3 }),
  changeDelay: (to) => to.command('changeDelay', { queue: 'mail', jobId: 12, delayMs: 60_000 }),
  updateProgress: (to) => to.command('updateProgress', { queue: 'mail', jobId: 12, token: 5, payload: bytesOf('half') }),
  updateData: (to) => to.command('updateData', { queue: 'mail', jobId: 12, token: 5, payload: bytesOf('hello') }),
  clean: (to) => to.command('clean', { queue: 'mail', jobId: 12, state: 4, graceMs: 60_000 }),
  upsertScheduler: (to) => to.upsertScheduler('mail', HOURLY, bytesOf('hello'), { ...POLICY, delayMs: 0 }),
  removeScheduler: (to) => to.command('removeScheduler', { queue: 'mail', scheduler: 'hourly' }),
  advanceScheduler: (to) => to.command('advanceScheduler', { schedulerNumber: 3, afterMs: 1_700_000_000_000, nextMs: 1_700_000_060_000 }),
  getScheduler: (to) => to.command('getScheduler', { queue: 'mail', scheduler: 'hourly' }),
  schedulerIds: (to) => to.command('schedulerIds', { queue: 'mail', isDescending: true, start: 5, countMax: 100 }),
  setConcurrency: (to) => to.command('setConcurrency', { queue: 'mail', concurrencyMax: 10 }),
  concurrency: (to) => to.command('concurrency', { queue: 'mail' }),
  setRateLimit: (to) => to.command('setRateLimit', { queue: 'mail', rateMax: 10, rateMs: 60_000 }),
  rateLimit: (to) => to.command('rateLimit', { queue: 'mail' }),
  holdClaims: (to) => to.command('holdClaims', { queue: 'mail', holdMs: 60_000 }),
  claimLimited: (to) => to.claim('mail', { ...CLAIM, limiter: { max: 10, durationMs: 60_000 } }),
  subscribeEvents: (to) => to.command('subscribeEvents', { queue: 'mail', ttlMs: 60_000 }),
  readEvents: (to) => to.command('readEvents', { queue: 'mail', recording: 3, afterId: 17, countMax: 100, waitMs: 30_000 }),
  rateLimitTtl: (to) => to.command('rateLimitTtl', { queue: 'mail', takenMin: 7 }),
  addDeduplicated: (to) => to.add('mail', bytesOf('hello'), { ...POLICY, deduplication: DEBOUNCE }),
  getDeduplicationJob: (to) => to.command('getDeduplicationJob', { queue: 'mail', deduplicationId: 'user 7' }),
  removeDeduplication: (to) => to.command('removeDeduplication', { queue: 'mail', holderJobId: 12, deduplicationId: 'user 7' }),
  addFlow: (to) => to.addFlow(TREE),
  removeAlone: (to) => to.command('removeAlone', { queue: 'mail', jobId: 12 }),
  removeUnprocessed: (to) => to.command('removeUnprocessed', { queue: 'mail', jobId: 12 }),
  removeDependency: (to) => to.command('removeDependency', { queue: 'mail', jobId: 12 }),
  children: (to) => to.command('children', { queue: 'mail', jobId: 12, status: 1, hasValues: true, after: 13, countMax: 100 }),
  parentOf: (to) => to.command('parentOf', { queue: 'mail', jobId: 12 }),
  stateCounts: (to) => to.command('stateCounts', { queue: 'mail' }),
  transact: (to) =>
    to.command('transact', {
      payload: encodeTransaction((inner) => {
        inner.complete(12, 34, bytesOf('{"ok":true}'));
        inner.add('mail', bytesOf('next'), POLICY);
      }),
    }),
  addLog: (to) => to.command('addLog', { queue: 'mail', jobId: 12, token: 5, keepMax: 100, row: 'step 1: ü' }),
  clearLogs: (to) => to.command('clearLogs', { queue: 'mail', jobId: 12, keepMax: 10 }),
  getLogs: (to) => to.command('getLogs', { queue: 'mail', jobId: 12, start: 5, countMax: 1000, isDescending: true }),
};
/** Selected once, for all operations behind them. */
const TOGETHER = (to: RequestEncoder): void => {
  to.add('mail', bytesOf('1'), POLICY);
  to.add('mail', bytesOf('2'), POLICY);
  to.add('mail', bytesOf('3'), { ...POLICY, keepFailed: 3 });
  to.claim('mail', CLAIM);
  to.command('counts', { queue: 'news' });
};
const OTHERS = {
  'several operations': TOGETHER,
  'add with lifo': (to: RequestEncoder) => to.add('mail', bytesOf('hello'), { ...POLICY, isLifo: true }),
  'add with keepLogs': (to: RequestEncoder) => to.add('mail', bytesOf('hello'), { ...POLICY, keepLogs: 100 }),
  'upsertScheduler with a pattern': (to: RequestEncoder) => to.upsertScheduler('mail', DAILY, bytesOf('hello'), POLICY),
  'addDeduplicated with a custom id': (to: RequestEncoder) =>
    to.add('mail', bytesOf('hello'), { ...POLICY, customId: 'order-17', deduplication: { ...DEBOUNCE, keepsLast: true } }),
  'add that is kept for a time': (to: RequestEncoder) =>
    to.add('mail', bytesOf('hello'), { ...POLICY, keepCompletedMs: 60_000, keepFailedMs: 3_600_000 }),
  'add with lifo, and one without': (to: RequestEncoder) => {
    to.add('mail', bytesOf('1'), { ...POLICY, isLifo: true });
    to.add('mail', bytesOf('2'), POLICY);
  },
};
const HEADERS: Readonly<Record<string, EntryHeader>> = {
  'entry of version 1': { version: 1, logMs: 1_700_000_000_000, wallMs: 1_700_000_000_000, isFirstOfTerm: false },
  'entry of version 2': { version: 2, logMs: 5, wallMs: 1_700_000_000_000, isFirstOfTerm: false },
  'entry of version 3, first of its term': { version: 3, logMs: 5.5, wallMs: 1_700_000_000_000, isFirstOfTerm: true },
};

function requestOf(name: string, build: (to: RequestEncoder) => void): Uint8Array {
  const encoder = name.endsWith('1') ? new Version1Encoder() : new RequestEncoder();
  encoder.begin(2 ** 51 + 7, 8, 6);
  build(encoder);
  return encoder.finish();
}

const QUERIES: readonly string[] = COMMAND_NAMES.filter((name) => COMMANDS[name].versions === undefined);

/** The version of a state machine that executes the operation. */
function versionOf(name: string): number {
  if (QUERIES.includes(name)) return OF_QUERIES;
  return name.endsWith('1') ? 1 : MACHINE_VERSION;
}

function headerOf(header: EntryHeader): Uint8Array {
  const to = new ByteWriter();
  writeEntryHeader(to, header);
  return to.copy();
}

describe('the bytes of requests', () => {
  it('are those that earlier releases write and read', () => {
    const requests = Object.entries(OPERATIONS).map(([name, build]) => [name, requestOf(name, build)]);
    const others = Object.entries(OTHERS).map(([name, build]) => [name, requestOf(name, build)]);
    const headers = Object.entries(HEADERS).map(([name, header]) => [name, headerOf(header)]);
    expectGolden(FILE, Object.fromEntries([...requests, ...others, ...headers]));
  });

  it.each(COMMAND_NAMES)('hold the code of %s', (name) => {
    const operation = new OperationReader();
    operation.next(new ByteReader(goldenBytes(FILE, name), HEADER_BYTES), versionOf(name));
    expect(operation.code).toBe(COMMANDS[name].code);
  });

  it('hold the policy of an add with lifo', () => {
    const operation = new OperationReader();
    operation.next(new ByteReader(goldenBytes(FILE, 'add with lifo'), HEADER_BYTES), MACHINE_VERSION);
    expect(operation.policy).toEqual({
      ...NOT_FOR_TIME,
      attemptsMax: 5,
      backoff: 2,
      backoffMs: 250,
      keepCompleted: 100,
      keepFailed: -1,
      isLifo: true,
      keepLogs: 0,
    });
  });

  it.each(Object.entries(HEADERS))('%s names its version and times', (name, header) => {
    const bytes = goldenBytes(FILE, name);
    expect(readEntryHeader(bytes, new ByteReader(bytes))).toEqual(header);
  });
});
