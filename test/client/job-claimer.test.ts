import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Dispatcher } from '../../src/client/delivery/dispatcher.ts';
import type { PendingOperation } from '../../src/client/delivery/pending-operation.ts';
import { ClaimSchedulers } from '../../src/client/worker/claim-scheduler.ts';
import { JobClaimer } from '../../src/client/worker/job-claimer.ts';
import { Quarantine } from '../../src/client/worker/quarantine.ts';
import type { ClaimedJob } from '../../src/protocol/reply.ts';
import type { ClaimOptions } from '../../src/protocol/request-encoder.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** A claimer whose claims take 40 ms each, and whose jobs never end by themselves. */
function anIntake(prefetchMax: number, concurrency = 10) {
  const claims: { readonly count: number; readonly call: PendingOperation }[] = [];
  let count = 0;
  const encoder = {
    claim: (_queue: string, { countMax }: ClaimOptions) => {
      count = countMax;
    },
  };
  const dispatcher = {
    atFlush: (hook: () => void) => hook(),
    open: () => encoder,
    commit: (call: PendingOperation) => void claims.push({ count, call }),
  };
  let held = 0;
  const quarantine = new Quarantine();
  const intake = new JobClaimer(
    'q',
    {
      concurrency,
      leaseMs: 1_000,
      autorun: true,
      limiter: undefined,
      claimWaitMs: 1_000,
      prefetchMax,
      threadsMax: 1_000,
      maxStalledCount: 1,
    },
    // It calls nothing else while the queue has jobs.
    dispatcher as unknown as Dispatcher,
    { claimSchedulers: new ClaimSchedulers(dispatcher as unknown as Dispatcher, 0), quarantine },
    {
      running: () => held,
      ready: () => 0,
      onJobs: (jobs) => {
        held += jobs.length;
      },
      onDrained: () => undefined,
      hasDrainedListener: () => false,
      onError: () => undefined,
    },
  );
  const reply = (): void => {
    vi.advanceTimersByTime(40);
    const { count: wanted, call } = claims.at(-1) ?? { count: 0, call: undefined };
    call?.onResult({ ok: true, type: 'claimed', jobs: Array.from({ length: wanted }, () => ({}) as ClaimedJob) });
  };
  return {
    claims: () => claims.map((claim) => claim.count),
    ...{ intake, quarantine, reply },
    end: (jobs: number) => {
      held -= jobs;
    },
  };
}

describe('claims of a worker', () => {
  it('request as many jobs as it may process while these take longer than a claim', () => {
    const { intake, claims, reply, end } = anIntake(1_000);
    intake.start();
    reply();
    intake.observeJobMs(50);
    end(4);
    intake.request();
    expect(claims()).toEqual([10, 4]);
  });

  it('request as many more as are done while a claim is in flight, once jobs are shorter', () => {
    const { intake, claims, reply, end } = anIntake(1_000);
    intake.start();
    reply();
    // A claim took 40 ms, a twentieth of which counts: 2 ms. Ten at a time of 0.5 ms each: forty are done meanwhile.
    intake.observeJobMs(0.5);
    end(10);
    intake.request();
    expect(claims()).toEqual([10, 50]);
  });

  it('never request more ahead than allowed', () => {
    const { intake, claims, reply, end } = anIntake(25);
    intake.start();
    reply();
    intake.observeJobMs(0);
    end(10);
    intake.request();
    expect(claims()).toEqual([10, 35]);
  });

  it('request nothing while a stalled job is run alone, and nothing ahead within a lease after it', () => {
    const { intake, quarantine, claims, reply, end } = anIntake(1_000);
    intake.start();
    reply();
    intake.observeJobMs(0.5);
    const stalled = { token: 1 };
    quarantine.enter(stalled, 1_000);
    end(10);
    intake.request();
    expect(claims()).toEqual([10]);
    quarantine.onOver(stalled);
    intake.request();
    expect(claims()).toEqual([10, 10]);
    reply();
    vi.advanceTimersByTime(1_000);
    end(10);
    intake.request();
    expect(claims()[2]).toBeGreaterThan(10);
  });

  it('never request more than one claim may bring', () => {
    const { intake, claims, reply, end } = anIntake(10_000, 4_000);
    intake.start();
    reply();
    intake.observeJobMs(0);
    end(4_000);
    intake.request();
    expect(claims()).toEqual([4_000, 10_000]);
  });
});
