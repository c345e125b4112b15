import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { jobOfClaim } from '../../src/client/api/job-of.ts';
import type { Dispatcher } from '../../src/client/delivery/dispatcher.ts';
import type { RepeatedOperation } from '../../src/client/delivery/pending-operation.ts';
import { ClientClosedError, DeadlineError } from '../../src/client/errors.ts';
import { LeaseRenewer } from '../../src/client/worker/lease-renewer.ts';
import { LeasedJob } from '../../src/client/worker/leased-job.ts';
import { noCommands, noHolder } from './a-job.ts';

const LEASE_MS = 3_000;

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate'] }),
);
afterEach(() => void vi.useRealTimers());

function aKeeper() {
  const extensions: RepeatedOperation[] = [];
  let isClosed = false;
  const dispatcher = {
    keep: (_bytes: number, call: RepeatedOperation) => {
      if (isClosed) throw new ClientClosedError();
      extensions.push(call);
    },
  };
  const source = { id: 1, token: 1, attempt: 1, attemptsMax: 1, addedMs: 0, isBegun: true, stalls: 0, payload: undefined };
  const held = new LeasedJob<unknown, unknown>(jobOfClaim('q', noCommands, source, noHolder), source, performance.now());
  const lost: number[] = [];
  const errors: Error[] = [];
  const keeper = new LeaseRenewer<unknown, unknown>(LEASE_MS, dispatcher as unknown as Dispatcher, {
    held: () => [held],
    onLost: ({ id }) => void lost.push(id),
    onError: (error) => void errors.push(error),
  });
  keeper.start();
  const close = (): void => {
    isClosed = true;
  };
  return { keeper, held, extensions, lost, errors, close };
}

describe('the lease of a job that runs', () => {
  it('is extended three times in its duration, from the time of each request', () => {
    const { held, extensions } = aKeeper();
    const startMs = performance.now();
    vi.advanceTimersByTime(1_000);
    expect(extensions).toHaveLength(1);
    vi.advanceTimersByTime(200);
    extensions[0]?.onResult({ ok: true, type: 'done' });
    expect(held.extendedAtMs).toBe(startMs + 1_000);
    vi.advanceTimersByTime(1_800);
    expect(extensions).toHaveLength(2);
  });

  it('has at most one extension in flight, which outlives an outage', () => {
    const { extensions, keeper } = aKeeper();
    vi.advanceTimersByTime(10_000);
    expect(extensions).toHaveLength(1);
    expect(extensions[0]?.outlivesOutage()).toBe(true);
    keeper.stop();
    expect(extensions[0]?.outlivesOutage()).toBe(false);
  });

  it('is extended again as soon as an extension was given up', () => {
    const { extensions, errors } = aKeeper();
    vi.advanceTimersByTime(2_000);
    extensions[0]?.onError(new DeadlineError('unknown'));
    expect(extensions).toHaveLength(2);
    expect(errors).toHaveLength(1);
  });

  it('is not extended again and again if that fails at once', () => {
    const { extensions, errors, close } = aKeeper();
    close();
    vi.advanceTimersByTime(2_000);
    expect(extensions).toEqual([]);
    expect(errors).toHaveLength(2);
  });

  it('ends only by a reply of the cluster, and not once the job has ended', () => {
    const { held, extensions, lost } = aKeeper();
    vi.advanceTimersByTime(LEASE_MS * 2);
    expect(lost).toEqual([]);
    extensions[0]?.onResult({ ok: false, code: 'LEASE_LOST', message: 'gone', job: 1, state: undefined });
    expect(lost).toEqual([1]);
    vi.advanceTimersByTime(1_000);
    held.isEnded = true;
    extensions[1]?.onResult({ ok: false, code: 'LEASE_LOST', message: 'gone', job: 1, state: undefined });
    expect(lost).toEqual([1]);
  });
});

describe('the event loop', () => {
  it('has read everything that arrived before the last timer once that has run', () => {
    const { keeper } = aKeeper();
    const startMs = performance.now();
    expect(keeper.aliveAtMs).toBe(startMs);
    vi.advanceTimersToNextTimer();
    // The messages that arrived before the timer are read now; only then the immediate runs.
    expect(keeper.aliveAtMs).toBe(startMs);
    vi.advanceTimersToNextTimer();
    expect(keeper.aliveAtMs).toBe(startMs + 1_000);
  });
});
