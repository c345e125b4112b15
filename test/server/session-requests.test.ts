import { describe, expect, it, onTestFinished } from 'vitest';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { ADD_DEFAULTS } from '../../src/protocol/request-encoder.ts';
import { type SessionRequest, SessionRequests } from '../../src/server/services/session-requests.ts';
import { FakeCluster } from '../client/fake-cluster.ts';

const PATIENT_MS = 60_000;
const SIGNAL = new AbortController().signal;
const adds =
  (count = 1) =>
  (encoder: RequestEncoder): void => {
    for (let added = 0; added < count; added += 1) encoder.add('mail', new Uint8Array([added]), ADD_DEFAULTS);
  };
const waitingClaim = (encoder: RequestEncoder): void =>
  encoder.claim('mail', { countMax: 5, beginMax: 5, leaseMs: 60_000, waitMs: PATIENT_MS, stalledMax: 1, holder: 0 });

/** A caller with a session at a node of a cluster that applies what it gets. */
async function aSession() {
  const cluster = new FakeCluster();
  const requests = new SessionRequests((handlers) => cluster.openChannel(1, handlers), Math.random);
  onTestFinished(() => {
    requests[Symbol.dispose]();
    cluster.close();
  });
  const session = await requests.open({ withinMs: PATIENT_MS, signal: SIGNAL });
  const send = (sequence: number, request: Partial<SessionRequest> = {}, below = 0) =>
    requests.send({
      id: { session, sequence, acknowledged_below: below },
      ...{ write: adds(), withinMs: PATIENT_MS, signal: SIGNAL },
      ...request,
    });
  return { cluster, requests, send, waiting: () => cluster.machine.waitingCount('mail') };
}

const errorOf = (result: Promise<unknown>): Promise<unknown> =>
  result.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a request of a session', () => {
  it('that is repeated is executed once, and has the first results', async () => {
    const { send, waiting } = await aSession();
    const first = await send(1);
    expect(await send(1)).toEqual(first);
    expect(waiting()).toBe(1);
    expect(await send(2)).not.toEqual(first);
    expect(waiting()).toBe(2);
  });

  it('that is repeated while the first one waits for its reply shares that', async () => {
    const { cluster, send, waiting } = await aSession();
    cluster.isPaused = true;
    const calls = [send(1), send(1)];
    cluster.resume();
    const [one, other] = await Promise.all(calls);
    expect(one).toEqual(other);
    expect([waiting(), cluster.workRequests.length]).toEqual([1, 0]);
  });

  it('is sent again while there is no leader, and after its channel is lost with the reply', async () => {
    const { cluster, send, waiting } = await aSession();
    cluster.leader = undefined;
    const added = send(1);
    await expect.poll(() => cluster.requests.length).toBeGreaterThan(2);
    cluster.repliesToSwallow = 1;
    cluster.leader = 1;
    await expect.poll(waiting).toBe(1);
    cluster.stop(1);
    cluster.start(1);
    cluster.leader = 1;
    expect(await added).toMatchObject([{ ok: true, type: 'added' }]);
    expect(waiting()).toBe(1);
  });

  it('adds all its jobs at once', async () => {
    const { cluster, send, waiting } = await aSession();
    const before = cluster.appliedRequests;
    expect(await send(1, { write: adds(3) })).toHaveLength(3);
    expect([waiting(), cluster.appliedRequests - before]).toEqual([3, 1]);
  });

  it.each([
    ['session', { session: 0, sequence: 1, acknowledged_below: 0 }],
    ['session', { session: 2 ** 51, sequence: 1, acknowledged_below: 0 }],
    ['sequence', { session: 1, sequence: 0, acknowledged_below: 0 }],
    ['acknowledged_below', { session: 1, sequence: 1, acknowledged_below: 2 }],
  ])('is rejected for an invalid %s', async (name, id) => {
    const { send } = await aSession();
    expect(await errorOf(send(1, { id }))).toMatchObject({ code: 'INVALID_OPTION', option: `request_id.${name}` });
  });
});

describe('a request of a session that fails', () => {
  it('reports that it was not applied if no node could take it in time', async () => {
    using requests = new SessionRequests(() => undefined, Math.random);
    expect(await errorOf(requests.open({ withinMs: 1, signal: SIGNAL }))).toMatchObject({ code: 'DEADLINE', outcome: 'not-applied' });
  });

  it('may be repeated with its number if the reply is missing', async () => {
    const { cluster, send, waiting } = await aSession();
    cluster.repliesToSwallow = 1;
    expect(await errorOf(send(1, { withinMs: 100 }))).toMatchObject({ code: 'DEADLINE', outcome: 'unknown' });
    expect(await send(1)).toMatchObject([{ ok: true, type: 'added' }]);
    expect(waiting()).toBe(1);
  });

  it('reports that its session has ended, or that its number was given up', async () => {
    const { cluster, send } = await aSession();
    await send(1);
    await send(2, {}, 2);
    expect(await errorOf(send(1))).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'unknown' });
    cluster.expireSessions();
    expect(await errorOf(send(3))).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'unknown' });
  });

  it('reports that its number was that of another request', async () => {
    const { send } = await aSession();
    await send(1);
    expect(await errorOf(send(1, { write: adds(2) }))).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('reports what the cluster rejects', async () => {
    const { send } = await aSession();
    const write = (encoder: RequestEncoder): void => encoder.complete(77, 1, new Uint8Array(0));
    expect(await errorOf(send(1, { write }))).toMatchObject({ code: 'JOB_NOT_FOUND', outcome: 'not-applied' });
  });

  it('does not outlive the node', async () => {
    const { cluster, requests, send } = await aSession();
    cluster.isPaused = true;
    const sent = errorOf(send(1));
    requests[Symbol.dispose]();
    expect(await sent).toMatchObject({ code: 'CLIENT_CLOSED', outcome: 'unknown' });
    expect(await errorOf(send(2))).toMatchObject({ code: 'CLIENT_CLOSED', outcome: 'not-applied' });
  });
});

describe('a claim of a session', () => {
  it('that its caller leaves ends, and the repetition has its reply', async () => {
    const { cluster, send } = await aSession();
    const gone = new AbortController();
    const claimed = errorOf(send(1, { write: waitingClaim, waitMs: PATIENT_MS, signal: gone.signal }));
    await expect.poll(() => cluster.parkedClaims).toBe(1);
    gone.abort();
    expect(await claimed).toMatchObject({ outcome: 'unknown' });
    await expect.poll(() => cluster.parkedClaims).toBe(0);
    await send(2);
    expect(await send(1, { write: waitingClaim, waitMs: PATIENT_MS })).toMatchObject([{ type: 'claimed', jobs: [] }]);
  });

  it('that is repeated has the same jobs under the same tokens', async () => {
    const { cluster, send } = await aSession();
    await send(1);
    cluster.repliesToSwallow = 1;
    expect(await errorOf(send(2, { write: waitingClaim, withinMs: 100 }))).toMatchObject({ outcome: 'unknown' });
    const [first] = await send(2, { write: waitingClaim });
    expect(first).toMatchObject({ type: 'claimed', jobs: [{ attempt: 1, token: expect.any(Number) }] });
    expect(await send(2, { write: waitingClaim })).toEqual([first]);
  });
});
