import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../src/base/bytes.ts';
import { type ClientFrame, readClientFrames, readServerFrames, writeClientFrame } from '../../../src/protocol/client-frame.ts';
import { COMMAND_NAMES, rowOfCommand } from '../../../src/protocol/commands.ts';
import { demandOf, demandsIn } from '../../../src/protocol/demands.ts';
import { ADD_DEFAULTS, RequestEncoder } from '../../../src/protocol/request-encoder.ts';
import { ANY_VERSION } from '../../../src/protocol/request-reader.ts';
import { encodeTransaction } from '../../../src/protocol/transaction.ts';
import type { QueueOfJob } from '../../../src/queue/queue-of-job.ts';
import type { Grant } from '../../../src/security/access-tokens.ts';
import { permissionsOf, type Role } from '../../../src/security/roles.ts';
import { operationsIn, postponePacket, screenPacket } from '../../../src/server/access/packet-screen.ts';
import { denialOf } from '../../../src/server/access/permit.ts';
import { written } from '../../queue/flows.ts';

const aGrant = (roles: readonly Role[], queues?: readonly string[]): Grant => ({
  ...{ name: 'web', roles, permissions: permissionsOf(roles) },
  queues: queues === undefined ? undefined : new Set(queues),
});

/** Job 1 is of the queue mails, job 2 of another one, job 3 is gone; there are no more. */
const JOBS: readonly QueueOfJob[] = [{ type: 'known', queue: 'mails' }, { type: 'known', queue: 'invoices' }, { type: 'gone' }];
const queueOf = (jobId: number): QueueOfJob => JOBS[jobId - 1] ?? { type: 'not-applied' };

function packetOf(...frames: readonly ClientFrame[]): Uint8Array {
  const to = new ByteWriter();
  for (const frame of frames) writeClientFrame(to, frame);
  return to.copy();
}

function requestOf(sequence: number, write: (encoder: RequestEncoder) => void): Uint8Array {
  const encoder = new RequestEncoder();
  encoder.begin(7, sequence, 1);
  write(encoder);
  return encoder.finish().slice();
}
const request = (sequence: number, write: (encoder: RequestEncoder) => void): ClientFrame => ({
  ...{ type: 'request', request: requestOf(sequence, write) },
});
const query = (sequence: number, write: (encoder: RequestEncoder) => void): ClientFrame => ({
  ...{ type: 'query', consistency: 'stale', request: requestOf(sequence, write) },
});

/** What is passed on, and what the client receives. */
function screened(grant: Grant, ...frames: readonly ClientFrame[]) {
  const { passed, reply } = screenPacket(packetOf(...frames), (demand) => denialOf(grant, demand, queueOf));
  return {
    passed: passed === undefined ? [] : readClientFrames(passed),
    replies: reply === undefined ? [] : readServerFrames(reply),
  };
}

const add = (queue: string) => (encoder: RequestEncoder) => encoder.add(queue, new Uint8Array(3), ADD_DEFAULTS);

describe('a packet', () => {
  it('is passed on as it is, without what the role does not permit', () => {
    const adds = request(1, add('mails'));
    const pause = request(2, (encoder) => encoder.command('pause', { queue: 'mails', isPaused: true }));
    const counts = query(3, (encoder) => encoder.command('counts', { queue: 'mails' }));
    const { passed, replies } = screened(aGrant(['producer']), adds, pause, counts);
    expect(passed).toEqual([adds, counts]);
    expect(replies).toMatchObject([
      { type: 'rejected', client: 7, sequence: 2, code: 'ACCESS_DENIED', outcome: 'not-applied', operations: [0] },
    ]);
    expect(replies).toMatchObject([
      { message: 'The token "web" has the role producer, which does not permit pause. Use a token with the role operator.' },
    ]);
    expect(screened(aGrant(['operator']), adds, pause, counts)).toEqual({ passed: [adds, pause, counts], replies: [] });
  });

  it('is rejected with the places of the operations of other queues', () => {
    const mixed = request(1, (encoder) => {
      add('mails')(encoder);
      add('invoices')(encoder);
      add('mails')(encoder);
    });
    const { passed, replies } = screened(aGrant(['producer'], ['mails']), mixed);
    expect(passed).toEqual([]);
    expect(replies).toMatchObject([{ code: 'ACCESS_DENIED', operations: [1], message: expect.stringContaining('"invoices"') }]);
  });

  it('adds a flow only where all its queues are permitted', () => {
    const jobs = written([{ name: 'parent', queue: 'mails', children: [{ name: 'child', queue: 'invoices' }] }]);
    const flow = request(1, (encoder) => encoder.addFlow(jobs));
    expect(screened(aGrant(['producer'], ['mails', 'invoices']), flow).passed).toEqual([flow]);
    expect(screened(aGrant(['producer'], ['mails']), flow)).toMatchObject({
      passed: [],
      replies: [{ code: 'ACCESS_DENIED', operations: [0], message: /does not permit the queue "invoices"/ }],
    });
    expect(screened(aGrant(['worker']), flow).passed).toEqual([]);
  });

  it('reaches a job by its id only where the job is in a queue that is permitted', () => {
    const worker = aGrant(['worker'], ['mails']);
    const complete = (jobId: number): ClientFrame => request(1, (encoder) => encoder.complete(jobId, 9, new Uint8Array(1)));
    const read = (jobId: number): ClientFrame => query(1, (encoder) => encoder.command('getJob', { jobId }));
    for (const of of [complete, read]) {
      expect(screened(worker, of(1)).passed).toEqual([of(1)]);
      expect(screened(worker, of(2))).toMatchObject({ passed: [], replies: [{ code: 'ACCESS_DENIED' }] });
      expect(screened(worker, of(3)).passed).toEqual([of(3)]);
      // The client may have the id from another node: it is to try again.
      expect(screened(worker, of(4))).toMatchObject({ passed: [], replies: [{ code: 'OVERLOADED', operations: [], retryAfterMs: 20 }] });
      expect(screened(aGrant(['worker']), of(4)).passed).toEqual([of(4)]);
    }
  });

  it('changes the cluster, and shows the log, only as the role and the queues permit', () => {
    const change: ClientFrame = { type: 'change', call: 5, add: [4], remove: [], learners: [] };
    const log: ClientFrame = { type: 'log', call: 6, from: 1, to: 2 };
    const status: ClientFrame = { type: 'status', call: 0 };
    const cancel: ClientFrame = { type: 'cancel-claim', client: 7, sequence: 1 };
    const reader = screened(aGrant(['reader']), change, log, status, cancel, { type: 'transfer', call: 8, to: 2 });
    expect(reader.passed).toEqual([log, status]);
    expect(reader.replies).toMatchObject([
      { type: 'admin-rejected', call: 5, reason: 'ACCESS_DENIED' },
      { call: 8, reason: 'ACCESS_DENIED' },
    ]);
    expect(screened(aGrant(['operator'], ['mails']), change, log, cancel)).toMatchObject({
      passed: [cancel],
      replies: [{ call: 5 }, { call: 6 }],
    });
  });

  it('that cannot be read is left to the node, which drops or rejects it', () => {
    const bytes = Uint8Array.of(9, 9, 9);
    expect(screenPacket(bytes, () => ({ isTemporary: false, message: '' }))).toEqual({ passed: bytes });
    const broken: ClientFrame = { type: 'request', request: requestOf(1, add('mails')).slice(0, 40) };
    expect(screened(aGrant(['reader']), broken).passed).toEqual([broken]);
  });
});

describe('a packet of a client that asks for too much', () => {
  it('comes back for later, without what is no request', () => {
    const counts = query(3, (encoder) => encoder.command('counts', { queue: 'mails' }));
    const status: ClientFrame = { type: 'status', call: 0 };
    const packet = packetOf(request(1, add('mails')), status, counts);
    expect(operationsIn(packet)).toBe(2);
    const { passed, reply } = postponePacket(packet, 700);
    expect(passed === undefined ? [] : readClientFrames(passed)).toEqual([status]);
    const postponed = { code: 'OVERLOADED', outcome: 'not-applied', operations: [], retryAfterMs: 700 };
    expect(reply === undefined ? [] : readServerFrames(reply)).toMatchObject([
      { sequence: 1, ...postponed },
      { sequence: 3, ...postponed },
    ]);
  });
});

describe('what a command reaches', () => {
  it('is one queue, one job, what only its caller knows, or all queues', () => {
    const reached = Object.groupBy(COMMAND_NAMES, (name) => demandOf(rowOfCommand(name), { queue: 'q', jobId: 1 }).reach.type);
    expect(reached).toEqual({
      own: ['openSession', 'releaseHolder', 'heldJobs'],
      queue: [
        'add',
        'claim1',
        'counts',
        'claim',
        'retry',
        'remove',
        'pause',
        'isPaused',
        'jobIds',
        'promote',
        'clean',
        'addWithId',
        'findJob',
        'changePriority',
        'changeDelay',
        'updateProgress',
        'updateData',
        'upsertScheduler',
        'removeScheduler',
        'getScheduler',
        'schedulerIds',
        'setConcurrency',
        'concurrency',
        'setRateLimit',
        'rateLimit',
        'holdClaims',
        'rateLimitTtl',
        'claimLimited',
        'subscribeEvents',
        'readEvents',
        'addDeduplicated',
        'getDeduplicationJob',
        'removeDeduplication',
        'removeAlone',
        'removeUnprocessed',
        'removeDependency',
        'children',
        'parentOf',
        'stateCounts',
        'addLog',
        'clearLogs',
        'getLogs',
      ],
      job: ['extend', 'complete', 'fail', 'release', 'getJob', 'retry1', 'remove1', 'begin'],
      // The queues of a flow are in it; without it it may be any.
      all: ['queueNames', 'advanceScheduler', 'addFlow', 'transact'],
    });
  });
});

describe('a transaction', () => {
  it('needs what each of its operations needs, where that is', () => {
    const encoder = new RequestEncoder();
    encoder.begin(1, 1, 1);
    const payload = encodeTransaction((to) => {
      to.add('a', new Uint8Array(0), ADD_DEFAULTS);
      to.complete(7, 1, new Uint8Array(0));
      to.command('remove', { queue: 'b', jobId: 8 });
    });
    encoder.command('transact', { payload });
    encoder.command('pause', { queue: 'c', isPaused: true });
    expect(demandsIn(encoder.finish(), ANY_VERSION)).toEqual([
      [
        { what: 'add', permission: 'add', reach: { type: 'queue', queue: 'a' } },
        { what: 'complete', permission: 'work', reach: { type: 'job', jobId: 7 } },
        { what: 'remove', permission: 'operate', reach: { type: 'queue', queue: 'b' } },
      ],
      [{ what: 'pause', permission: 'operate', reach: { type: 'queue', queue: 'c' } }],
    ]);
  });
});
