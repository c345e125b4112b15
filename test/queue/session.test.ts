import { describe, expect, it } from 'vitest';
import { decodeReply } from '../../src/protocol/reply.ts';
import { Session } from '../../src/queue/session.ts';
import { STATE_BOUNDS } from '../../src/queue/state-bounds.ts';
import { CLIENT, claimOptions, OPENING, options, TestQueue } from './harness.ts';

const HOUR_MS = 3_600_000;
const none = new Uint8Array(0);

describe('a repeated request', () => {
  it('gets its first reply and changes nothing', () => {
    const queue = new TestQueue();
    const request = queue.request((to) => to.add('q', none, options()));
    const [first] = queue.apply(request);
    const [second] = queue.apply(request);
    expect(second).toEqual(first);
    expect(queue.machine.counts('q').waiting).toBe(1);
  });

  it('gets its first reply within the same entry', () => {
    const queue = new TestQueue();
    const request = queue.request((to) => to.add('q', none, options()));
    const [first, second] = queue.apply(request, request);
    expect(second).toEqual(first);
  });

  it('gets its first reply after a checkpoint and a restart, payloads included', () => {
    const queue = new TestQueue();
    queue.add('payload');
    const claim = queue.request((to) => to.claim('q', claimOptions(5, 1000)));
    const [first] = queue.apply(claim);
    queue.restart();
    expect(queue.apply(claim)[0]).toEqual(first);
    expect(queue.job(1)).toMatchObject({ state: 'active', attempt: 1 });
  });

  it('of a claim has no payload once the job is gone', () => {
    const queue = new TestQueue();
    queue.add('payload', { keepCompleted: 0 });
    const claim = queue.request((to) => to.claim('q', claimOptions(1, 1000)), 3, CLIENT, 1);
    queue.apply(claim);
    queue.apply(queue.request((to) => to.complete(1, 1, none), 4, CLIENT, 1));
    const [reply] = queue.apply(claim);
    expect(decodeReply(reply ?? none).results).toMatchObject([{ type: 'claimed', jobs: [{ id: 1, token: 1, payload: undefined }] }]);
  });

  it('below what the client acknowledged is rejected, because nodes that forwarded it wait for a reply', () => {
    const queue = new TestQueue();
    const request = queue.request((to) => to.add('q', none, options()));
    queue.apply(request);
    queue.add('later');
    const replies = queue.apply(request).map((reply) => decodeReply(reply).results);
    expect(replies).toMatchObject([[{ ok: false, code: 'SESSION_EXPIRED' }]]);
    expect(queue.machine.counts('q').waiting).toBe(2);
  });
});

describe('requests out of order', () => {
  it('are each executed once', () => {
    const queue = new TestQueue();
    const requests = [9, 5, 7].map((sequence) => queue.request((to) => to.add('q', none, options()), sequence, CLIENT, 2));
    const first = queue.apply(...requests);
    expect(queue.apply(...requests)).toEqual(first);
    expect(queue.machine.counts('q').waiting).toBe(3);
  });
});

describe('a session', () => {
  it('must be opened first', () => {
    const queue = new TestQueue();
    const request = queue.request(
      (to) => {
        to.add('q', none, options());
        to.command('openSession', {});
      },
      1,
      99,
    );
    const [reply] = queue.apply(request);
    expect(decodeReply(reply ?? none)).toMatchObject({
      client: 99,
      sequence: 1,
      results: [{ code: 'SESSION_EXPIRED' }, { code: 'SESSION_EXPIRED' }],
    });
    expect(queue.machine.counts('q').waiting).toBe(0);
  });

  it('gets an id that was never assigned before, however often its opening arrives', () => {
    const queue = new TestQueue();
    const opening = queue.request((to) => to.command('openSession', {}), 1, OPENING + 1);
    const ids = [...queue.apply(opening, opening), ...queue.apply(opening)].map((reply) => decodeReply(reply).results[0]);
    expect(ids).toEqual([2, 3, 4].map((client) => ({ ok: true, type: 'opened', client })));
    queue.restart();
    expect(queue.open()).toBe(5);
  });

  it('is opened by a request of its own', () => {
    const queue = new TestQueue();
    const request = queue.request(
      (to) => {
        to.command('openSession', {});
        to.add('q', none, options());
      },
      1,
      OPENING,
    );
    const [reply] = queue.apply(request);
    expect(decodeReply(reply ?? none).results).toMatchObject([{ code: 'INVALID_REQUEST' }, { code: 'INVALID_REQUEST' }]);
    expect(queue.machine.sessions.size).toBe(1);
  });

  it('executes nothing twice when late copies of its opening and of a request arrive after its end (thesis §6.3)', () => {
    const queue = new TestQueue();
    const opening = queue.request((to) => to.command('openSession', {}), 1, OPENING);
    const add = queue.request((to) => to.add('q', none, options()));
    queue.apply(add);
    queue.pass(HOUR_MS);
    const replies = queue.apply(opening, add);
    expect(decodeReply(replies[1] ?? none).results).toMatchObject([{ code: 'SESSION_EXPIRED' }]);
    expect(queue.machine.counts('q').waiting).toBe(1);
  });

  it('ends after an idle hour of log time, not before', () => {
    const queue = new TestQueue();
    queue.pass(HOUR_MS - 1);
    expect(queue.machine.sessions.size).toBe(1);
    queue.pass(1);
    expect(queue.machine.sessions.size).toBe(0);
    expect(queue.do((to) => to.command('counts', { queue: 'q' }))).toMatchObject({ code: 'SESSION_EXPIRED' });
  });

  it('is extended by every request, and others expire without one', () => {
    const queue = new TestQueue();
    queue.open();
    queue.pass(HOUR_MS / 2);
    queue.add('x');
    queue.pass(HOUR_MS / 2);
    expect(queue.machine.sessions.size).toBe(1);
    expect(queue.add('y')).toBe(2);
  });

  it('is dropped for new ones when there are 10,000, the longest idle one first', () => {
    const queue = new TestQueue();
    const opens = Array.from({ length: 9_999 }, (_, at) => queue.request((to) => to.command('openSession', {}), 1, OPENING + at));
    queue.apply(...opens);
    queue.add('keeps this session fresh');
    queue.open();
    expect(queue.machine.sessions.size).toBe(10_000);
    const [dropped] = queue.apply(queue.request((to) => to.command('counts', { queue: 'q' }), 2, CLIENT + 1));
    expect(decodeReply(dropped ?? none).results).toMatchObject([{ code: 'SESSION_EXPIRED' }]);
    expect(queue.do((to) => to.command('counts', { queue: 'q' }))).toMatchObject({ ok: true });
  });

  it('remembers 1,024 replies; older requests are rejected, never executed again', () => {
    const queue = new TestQueue();
    const waits = 2;
    const request = (sequence: number): Uint8Array => queue.request((to) => to.add('q', none, options()), sequence, CLIENT, waits);
    const requests = Array.from({ length: 1_100 }, (_, at) => request(3 + at));
    queue.apply(...requests);
    const [evicted, remembered] = queue.apply(request(3), request(1_102));
    expect(decodeReply(evicted ?? none).results).toMatchObject([{ code: 'SESSION_EXPIRED' }]);
    expect(decodeReply(remembered ?? none).results).toMatchObject([{ type: 'added', id: 1_100 }]);
    expect(queue.machine.counts('q').waiting).toBe(1_100);
    // The delayed request is new, and is executed, also after a restart.
    queue.restart();
    const [late, again] = queue.apply(request(waits), request(waits));
    expect(decodeReply(late ?? none).results).toMatchObject([{ type: 'added', id: 1_101 }]);
    expect(again).toEqual(late);
  });

  it('stays bounded when its evicted sequences have many holes', () => {
    const queue = new TestQueue();
    const request = (sequence: number): Uint8Array => queue.request((to) => to.add('q', none, options()), sequence, CLIENT, 2);
    const odd = Array.from({ length: 2_000 }, (_, at) => 3 + 2 * at);
    queue.apply(...odd.map(request));
    queue.apply(...odd.map(request));
    expect(queue.machine.counts('q').waiting).toBe(2_000);
    // A hole among the newest is still open, one among the oldest is closed.
    const [open, closed] = queue.apply(request(4_000), request(4));
    expect(decodeReply(open ?? none).results).toMatchObject([{ type: 'added' }]);
    expect(decodeReply(closed ?? none).results).toMatchObject([{ code: 'SESSION_EXPIRED' }]);
  });
});

describe('a sequence in a closed hole between evicted ones', () => {
  const bounds = { ...STATE_BOUNDS, sessionRepliesMax: 1, sessionEvictedRunsMax: 1 };
  /** 1 and 5 are evicted, the hole between them is closed, and 3 in it is evicted next. */
  const aSession = (version: number): Session => {
    const session = new Session(CLIENT);
    for (const sequence of [1, 5, 3, 7]) session.remember(sequence, none, bounds, version);
    return session;
  };

  it('is evicted in its turn without restoring others', () => {
    expect([1, 3, 5].map((sequence) => aSession(3).isEvicted(sequence))).toEqual([true, true, true]);
  });

  it('removes the record of others up to version 2, as replicas of those versions do', () => {
    expect([1, 3, 5].map((sequence) => aSession(2).isEvicted(sequence))).toEqual([true, true, false]);
  });
});

describe('a replica at which no client waits', () => {
  it('remembers the same replies', () => {
    const leader = new TestQueue();
    const follower = new TestQueue();
    const claim = leader.request((to) => to.claim('q', claimOptions(2, 1000)), 3);
    for (const queue of [leader, follower]) queue.add('x');
    const [first] = leader.apply(claim);
    follower.apply(claim);
    expect(follower.machine.digest()).toBe(leader.machine.digest());
    expect(follower.apply(claim)[0]).toEqual(first);
  });
});
