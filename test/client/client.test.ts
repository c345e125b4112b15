import { describe, expect, it, vi } from 'vitest';
import type { Queue } from '../../src/client/api/queue.ts';
import {
  ClientClosedError,
  ClusterVersionError,
  DeadlineError,
  InvalidOptionError,
  NodeUnavailableError,
  NoLeaderError,
  OverloadedError,
  RequestRejectedError,
  SessionExpiredError,
  UnknownOptionError,
} from '../../src/client/errors.ts';
import { SESSION_ID_END } from '../../src/protocol/request-encoder.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { countTimeInTurns } from './turn-time.ts';

const HOUR_MS = 3_600_000;
countTimeInTurns();
closeClientsAfterEach();

const addMany = (queue: Queue<number>, count: number) => Promise.all(Array.from({ length: count }, (_, n) => queue.add('n', n)));
const waitingIn = (cluster: FakeCluster) => cluster.machine.counts('numbers').waiting;

describe('operations of one turn', () => {
  it('become one request', async () => {
    const { cluster, client, queue } = aClient();
    await client.connect();
    const before = cluster.requests.length;
    await addMany(queue, 1_000);
    expect(cluster.requests.slice(before)).toMatchObject([{ operations: 1_000 }]);
  });

  it('become one request also when they are issued from promises at different depths', async () => {
    const { cluster, client, queue } = aClient();
    await client.connect();
    const before = cluster.requests.length;
    const issue = async (depth: number): Promise<void> => {
      for (let level = 0; level < depth; level += 1) await Promise.resolve();
      await queue.add('n', depth);
    };
    await Promise.all(Array.from({ length: 20 }, (_, depth) => issue(depth)));
    expect(cluster.requests.slice(before)).toMatchObject([{ operations: 20 }]);
  });

  it('are split where a request would be too large in operations or bytes', async () => {
    const { cluster, client, queue } = aClient([1], { batchOperationsMax: 100, batchBytesMax: 4_096 });
    await client.connect();
    const before = cluster.requests.length;
    await addMany(queue, 250);
    expect(cluster.requests.slice(before).every(({ operations, bytes }) => operations <= 100 && bytes.length <= 4_096)).toBe(true);
    expect(cluster.requests.length - before).toBeGreaterThanOrEqual(3);
    expect(waitingIn(cluster)).toBe(250);
  });

  it('collect in the next request while as many as allowed are unanswered', async () => {
    const { cluster, client, queue } = aClient([1], { outstandingBatchesMax: 2 });
    await client.connect();
    cluster.isPaused = true;
    const before = cluster.requests.length;
    const adds: Promise<unknown>[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      adds.push(queue.add('n', turn));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(cluster.requests.length - before).toBe(2);
    cluster.resume();
    await Promise.all(adds);
    expect(cluster.requests.slice(before).map(({ operations }) => operations)).toEqual([1, 1, 8]);
  });

  it('keep their order', async () => {
    const { queue } = aClient([1], { batchOperationsMax: 7 });
    const ids = (await addMany(queue, 100)).map((job) => Number(job.id));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });
});

describe('a client that searches for its node', () => {
  it('goes to the leader when it is known', async () => {
    const { cluster, queue } = aClient([1, 2, 3]);
    cluster.leader = 3;
    await queue.add('n', 1);
    expect(new Set(cluster.requests.map(({ node }) => node))).toEqual(new Set([3]));
  });

  it('follows a change of leader without a failure', async () => {
    const { cluster, queue } = aClient([1, 2, 3]);
    await queue.add('n', 1);
    cluster.elect(2);
    await eventually(async () => {
      await queue.add('n', 2);
      expect(cluster.requests.at(-1)?.node).toBe(2);
    });
  });

  it('uses any running node while it knows no leader', async () => {
    const { cluster, queue } = aClient([1, 2]);
    cluster.leader = 2;
    // The leader itself cannot be reached by the client; node 1 forwards.
    const openChannel = cluster.openChannel.bind(cluster);
    cluster.openChannel = (node, handlers) => (node === 2 ? undefined : openChannel(node, handlers));
    await queue.add('n', 1);
    expect(cluster.requests.every(({ node }) => node === 1)).toBe(true);
  });

  it('shows the status and the log of a named node', async () => {
    const { cluster, client } = aClient([1, 2]);
    expect(await client.status(1)).toMatchObject({ node: 1, state: 'leader' });
    expect(await client.status(2)).toMatchObject({ node: 2, state: 'follower', leaderId: 1 });
    expect(await client.log(2)).toMatchObject([{ index: 1, kind: 'noop' }]);
    cluster.stop(2);
    await expect(client.status(2)).rejects.toBeInstanceOf(NodeUnavailableError);
  });

  it('rejects a call to a node that stops before it replies', async () => {
    const { cluster, client } = aClient([1, 2]);
    cluster.silent.add(2);
    const asked = client.status(2);
    cluster.stop(2);
    await expect(asked).rejects.toBeInstanceOf(NodeUnavailableError);
  });
});

describe('a request whose reply is lost', () => {
  it('is repeated with the same bytes, and its jobs exist once', async () => {
    const { cluster, client, queue } = aClient([1, 2], { silenceMs: 20 });
    await client.connect();
    const before = cluster.requests.length;
    cluster.repliesToSwallow = 1;
    const jobs = await addMany(queue, 10);
    const sent = cluster.requests.slice(before);
    expect(sent.length).toBeGreaterThan(1);
    for (const repetition of sent) expect(repetition.bytes).toEqual(sent[0]?.bytes);
    expect(waitingIn(cluster)).toBe(10);
    expect(new Set(jobs.map((job) => job.id)).size).toBe(10);
  });

  it('is repeated at another node when its own stops', async () => {
    const { cluster, queue } = aClient([1, 2, 3]);
    await queue.add('n', 0);
    cluster.isPaused = true;
    const adds = addMany(queue, 5);
    await eventually(() => expect(cluster.requests.at(-1)?.operations).toBe(5));
    cluster.stop(1);
    cluster.elect(2);
    cluster.resume();
    await adds;
    expect(waitingIn(cluster)).toBe(6);
    expect(cluster.requests.at(-1)?.node).not.toBe(1);
  });

  it('survives many lost replies in a row', async () => {
    const { cluster, queue } = aClient([1, 2, 3], { silenceMs: 10, outstandingBatchesMax: 4 });
    for (let round = 0; round < 10; round += 1) {
      cluster.repliesToSwallow = 3;
      await addMany(queue, 20);
    }
    expect(waitingIn(cluster)).toBe(200);
  });

  it('leaves a silent node, even if that reports itself as leader', async () => {
    const { cluster, queue } = aClient([1, 2], { silenceMs: 20 });
    await queue.add('n', 0);
    cluster.silent.add(1);
    cluster.elect(2);
    await queue.add('n', 1);
    expect(cluster.requests.at(-1)?.node).toBe(2);
    expect(waitingIn(cluster)).toBe(2);
  });
});

describe('a client during an election', () => {
  it('is answered soon after there is a leader', async () => {
    const { cluster, queue } = aClient([1, 2, 3]);
    await queue.add('n', 0);
    cluster.stop(1);
    const startedMs = performance.now();
    let electedMs = 0;
    setTimeout(() => {
      electedMs = performance.now();
      cluster.elect(2);
    }, 30);
    await queue.add('n', 1);
    expect(electedMs).toBeGreaterThan(startedMs);
    // 20 ms is the limit by the growing pauses at this point; the rest is for the turns of the call itself.
    expect(performance.now() - electedMs).toBeLessThan(30);
  });

  it('tries one request only until a node replies', async () => {
    const { cluster, queue } = aClient([1, 2, 3], { outstandingBatchesMax: 8 });
    await queue.add('n', 0);
    cluster.isPaused = true;
    const adds: Promise<unknown>[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      adds.push(queue.add('n', turn));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const before = cluster.requests.length;
    cluster.leader = undefined;
    cluster.stop(1);
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(before + 3));
    expect(new Set(cluster.requests.slice(before).map(({ sequence }) => sequence)).size).toBe(1);
    cluster.elect(3);
    cluster.resume();
    await Promise.all(adds);
    expect(waitingIn(cluster)).toBe(6);
  });

  it('sends nothing to nodes that cannot be reached, so that nothing can be applied later', async () => {
    const { cluster, queue } = aClient([1, 2, 3], { deadlineMs: 100, silenceMs: 10 });
    await queue.add('n', 0);
    cluster.leader = undefined;
    cluster.stop(1);
    cluster.silent.add(3);
    // Until the client knows that its node is lost, it sends there.
    await new Promise((resolve) => setImmediate(resolve));
    const before = cluster.requests.length;
    expect(await queue.add('n', 1).catch((reason: unknown) => reason)).toMatchObject({ code: 'NO_LEADER', outcome: 'not-applied' });
    const tried = new Set(cluster.requests.slice(before).map(({ node }) => node));
    expect(tried).toEqual(new Set([2]));
  });

  it('reports at the deadline that there is no leader and nothing was applied', async () => {
    const { cluster, queue } = aClient([1, 2, 3], { deadlineMs: 60 });
    await queue.add('n', 0);
    cluster.leader = undefined;
    const error = await queue.add('n', 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NoLeaderError);
    expect(error).toMatchObject({ code: 'NO_LEADER', outcome: 'not-applied', message: expect.stringMatching(/^No leader available\./) });
    cluster.elect(2);
    await queue.add('n', 2);
    expect(waitingIn(cluster)).toBe(2);
  });
});

describe('a call whose deadline passes', () => {
  it('has an unknown outcome when it was sent', async () => {
    const { cluster, queue } = aClient([1], { deadlineMs: 50, silenceMs: 20 });
    await queue.add('n', 0);
    cluster.isPaused = true;
    const error = await queue.add('n', 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ outcome: 'unknown' });
  });

  it('was not applied when it was never sent, and is not sent later', async () => {
    const { cluster, queue } = aClient([1], { deadlineMs: 50 });
    // Its session is not open, and only the opening is sent.
    cluster.isPaused = true;
    const error = await queue.add('n', 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ outcome: 'not-applied' });
    cluster.resume();
    await queue.add('n', 2);
    expect(waitingIn(cluster)).toBe(1);
  });

  it('has an unknown outcome if one of its sendings was not rejected', async () => {
    const { cluster, queue } = aClient([1, 2], { deadlineMs: 100, silenceMs: 10 });
    await queue.add('n', 0);
    cluster.silent.add(1).add(2);
    const add = queue.add('n', 1).catch((reason: unknown) => reason);
    await eventually(() => expect(cluster.requests.at(-1)?.sequence).toBe(3));
    cluster.leader = undefined;
    cluster.silent.delete(2);
    expect(await add).toMatchObject({ code: 'DEADLINE', outcome: 'unknown' });
  });
});

describe('a client whose event loop was blocked for longer than its deadline', () => {
  /** Timers that are due run before the messages that arrived meanwhile are read. */
  const blockFor = (ms: number): void => void vi.advanceTimersByTime(ms);

  it('reads the replies that arrived meanwhile before it gives up calls', async () => {
    const { cluster, client, queue } = aClient([1], { deadlineMs: 100 });
    await client.connect();
    cluster.afterTurn = () => blockFor(200);
    expect((await queue.add('n', 1)).id).toBe('1');
  });

  it('reads the status of a node that arrived meanwhile', async () => {
    const { client } = aClient([1], { deadlineMs: 100 });
    await client.connect();
    // The event loop runs timers after this phase.
    await new Promise((resolve) => setImmediate(resolve));
    const status = client.status(1);
    blockFor(200);
    expect(await status).toMatchObject({ node: 1 });
  });
});

describe('an overloaded client', () => {
  it('lets calls wait up to its bound and rejects those beyond it', async () => {
    const { cluster, queue } = aClient([1], { queuedOperationsMax: 10, outstandingBatchesMax: 1, batchOperationsMax: 2 });
    const outcomes = await Promise.allSettled(Array.from({ length: 15 }, (_, n) => queue.add('n', n)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    const rejected = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(rejected).toHaveLength(5);
    for (const { reason } of rejected) expect(reason).toBeInstanceOf(OverloadedError);
    expect(waitingIn(cluster)).toBe(10);
    await queue.add('n', 16);
  });

  it('counts bytes too', async () => {
    const { queue } = aClient([1], { queuedBytesMax: 1_024 });
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => queue.add('n', n)));
    const rejected = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(rejected.length).toBeGreaterThan(0);
    expect(rejected.every(({ reason }) => reason instanceof OverloadedError)).toBe(true);
  });

  it('waits while the cluster is overloaded', async () => {
    const { cluster, client, queue } = aClient();
    await client.connect();
    cluster.rejectWith = { code: 'OVERLOADED', outcome: 'not-applied' };
    const add = queue.add('n', 1);
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(4));
    cluster.rejectWith = undefined;
    await add;
    expect(waitingIn(cluster)).toBe(1);
  });

  it('reports the overload once the deadline has passed', async () => {
    const { cluster, client, queue } = aClient([1], { deadlineMs: 50 });
    await client.connect();
    cluster.rejectWith = { code: 'OVERLOADED', outcome: 'not-applied' };
    await expect(queue.add('n', 1)).rejects.toBeInstanceOf(OverloadedError);
  });
});

describe('a cluster whose version does not have an operation', () => {
  it('is asked again, at growing intervals, until it has changed to a newer version', async () => {
    const { cluster, client, queue } = aClient();
    await client.connect();
    cluster.rejectWith = { code: 'VERSION', outcome: 'not-applied' };
    const before = cluster.requests.length;
    const add = queue.add('n', 1);
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(before + 3));
    cluster.rejectWith = undefined;
    await add;
    expect(waitingIn(cluster)).toBe(1);
  });

  it('is the reason of the rejection at the deadline, without the remedy of a longer deadline', async () => {
    const { cluster, client, queue } = aClient([1], { deadlineMs: 200 });
    await client.connect();
    cluster.rejectWith = { code: 'VERSION', outcome: 'not-applied' };
    const before = cluster.requests.length;
    const error = await queue.add('n', 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClusterVersionError);
    expect(error).toMatchObject({ code: 'VERSION', outcome: 'not-applied', message: expect.stringContaining('switched on') });
    expect(error).toMatchObject({ message: expect.not.stringContaining('deadlineMs') });
    // Pauses of 5 ms and more: not as fast as the replies arrive.
    expect(cluster.requests.length - before).toBeLessThan(40);
  });
});

describe('a rejection that a repetition cannot change', () => {
  it('is reported at once', async () => {
    const { cluster, client, queue } = aClient();
    await client.connect();
    cluster.rejectWith = { code: 'INVALID_REQUEST', outcome: 'not-applied' };
    const before = cluster.requests.length;
    await expect(queue.add('n', 1)).rejects.toBeInstanceOf(RequestRejectedError);
    expect(cluster.requests.length).toBe(before + 1);
  });
});

describe('a session', () => {
  it('is opened before anything else is sent', async () => {
    const { cluster, queue } = aClient();
    await addMany(queue, 3);
    expect(cluster.requests.map(({ sequence, operations }) => [sequence, operations])).toEqual([
      [1, 1],
      [2, 3],
    ]);
  });

  it('that expired while the client was idle is replaced without the caller noticing', async () => {
    const { cluster, queue } = aClient();
    await queue.add('n', 0);
    cluster.advance(HOUR_MS + 1);
    await queue.add('n', 1);
    expect(waitingIn(cluster)).toBe(2);
    // Each was opened under a random number, and then got its id.
    const sessions = cluster.requests.map(({ client }) => client).filter((client) => client < SESSION_ID_END);
    expect(new Set(sessions).size).toBe(2);
  });

  it('that expired under a call of unknown outcome rejects it, and the calls never sent go out in a new one', async () => {
    const { cluster, queue } = aClient([1], { silenceMs: 20, outstandingBatchesMax: 1 });
    await queue.add('n', 0);
    cluster.stalled.add(1);
    const sent = queue.add('n', 1).catch((reason: unknown) => reason);
    await eventually(() => expect(cluster.requests.filter(({ sequence }) => sequence === 3).length).toBeGreaterThan(1));
    const unsent = queue.add('n', 2);
    cluster.advance(HOUR_MS + 1);
    cluster.stalled.delete(1);
    expect(await sent).toBeInstanceOf(SessionExpiredError);
    expect(await sent).toMatchObject({ outcome: 'unknown' });
    await unsent;
    expect(waitingIn(cluster)).toBe(2);
  });
});

describe('closing a client', () => {
  it('awaits earlier calls and rejects later ones', async () => {
    const { cluster, client, queue } = aClient();
    const adds = addMany(queue, 10);
    await client.close();
    expect(await adds).toHaveLength(10);
    await expect(queue.add('n', 1)).rejects.toBeInstanceOf(ClientClosedError);
    await expect(client.status(1)).rejects.toBeInstanceOf(ClientClosedError);
    expect(cluster.openChannels).toBe(0);
  });

  it('may be done twice, and before anything was sent', async () => {
    const { client } = aClient();
    await Promise.all([client.close(), client.close()]);
    await client.close();
  });
});

describe('the options of a client', () => {
  it('name the valid ones when one is misspelt', () => {
    const misspelt: object = { deadlineMS: 5 };
    expect(() => aClient([1], misspelt)).toThrow(UnknownOptionError);
    expect(() => aClient([1], misspelt)).toThrow(/"deadlineMS".*deadlineMs/);
  });

  it('must be valid', () => {
    expect(() => aClient([1], { outstandingBatchesMax: 0 })).toThrow(InvalidOptionError);
    expect(() => aClient([1], { deadlineMs: Number.NaN })).toThrow(InvalidOptionError);
  });
});
