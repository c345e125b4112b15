import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { jobOfClaim } from '../../src/client/api/job-of.ts';
import type { Dispatcher } from '../../src/client/delivery/dispatcher.ts';
import type { RepeatedOperation } from '../../src/client/delivery/pending-operation.ts';
import type { ClusterEndpoint } from '../../src/client/endpoint.ts';
import type { JobClaimer } from '../../src/client/worker/job-claimer.ts';
import { JobSlots } from '../../src/client/worker/job-slots.ts';
import { LeasedJob } from '../../src/client/worker/leased-job.ts';
import { Quarantine } from '../../src/client/worker/quarantine.ts';
import type { Arguments } from '../../src/protocol/commands.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { noCommands, noHolder } from './a-job.ts';

const LEASE_MS = 3_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] }));
afterEach(() => void vi.useRealTimers());

/** Slots over a dispatcher; the test decides when jobs end and replies arrive. */
function someSlots(concurrency: number, quarantine = new Quarantine(), maxStalledCount = 1) {
  const hooks = new Set<() => void>();
  const begins: { readonly id: number; readonly call: RepeatedOperation }[] = [];
  const dispatcher = {
    atFlush: (hook: () => void) => void hooks.add(hook),
    keep: (_bytes: number, call: RepeatedOperation) => {
      let id = 0;
      const command = (_name: 'begin', { jobId: job }: Arguments<'begin'>): void => {
        id = job;
      };
      call.write({ command } as unknown as RequestEncoder);
      begins.push({ id, call });
    },
  };
  const intake = {
    reservedSlots: 0,
    claimMs: 5,
    isHeldUp: false,
    onHeldUp: () => {
      intake.isHeldUp = true;
    },
  };
  const run: number[] = [];
  let whenRun = (): void => undefined;
  const givenBack: number[] = [];
  const errors: Error[] = [];
  const jobs = new Map<number, LeasedJob<unknown, unknown>>();
  const slots = new JobSlots<unknown, unknown>(
    { concurrency, leaseMs: LEASE_MS, maxStalledCount },
    quarantine,
    // Neither calls anything else of the other.
    dispatcher as unknown as Dispatcher,
    intake as unknown as JobClaimer,
    {
      run: (held) => {
        held.onStarted(Date.now());
        run.push(held.id);
        whenRun();
      },
      giveBack: (held) => void givenBack.push(held.id),
      onFree: () => undefined,
      onError: (error) => void errors.push(error),
    },
  );
  const claimed = (id: number, isBegun: boolean, stalls = 0): LeasedJob<unknown, unknown> => {
    const source = { id, token: id, attempt: 1, attemptsMax: 1, addedMs: 0, isBegun, stalls, payload: undefined };
    const held = new LeasedJob<unknown, unknown>(jobOfClaim('q', noCommands, source, noHolder), source, performance.now());
    jobs.set(id, held);
    return held;
  };
  const heldJob = (id: number): LeasedJob<unknown, unknown> => jobs.get(id) as LeasedJob<unknown, unknown>;
  return {
    ...{ slots, intake, run, givenBack, errors, heldJob },
    begins: () => begins.map(({ id }) => id),
    replyBegin: (id: number, ok = true) => {
      const { call } = begins.find((begin) => begin.id === id) ?? {};
      if (ok) call?.onResult({ ok: true, type: 'done' });
      else call?.onResult({ ok: false, code: 'LEASE_LOST', message: 'gone', job: id, state: undefined });
    },
    failBegin: (id: number, error: Error) => begins.find((begin) => begin.id === id)?.call.onError(error),
    begun: (...ids: number[]) => ids.map((id) => claimed(id, true)),
    ahead: (...ids: number[]) => ids.map((id) => claimed(id, false)),
    stalled: (...ids: number[]) => ids.map((id) => claimed(id, false, 1)),
    /** The processor of a job ended. */
    end: (id: number) => {
      slots.free(heldJob(id));
      slots.fill();
    },
    onRun: (listener: () => void) => {
      whenRun = listener;
    },
    /** The cluster knows how it ended. */
    report: (id: number) => slots.onOver(heldJob(id)),
    endOfTurn: () => {
      for (const hook of hooks) hook();
      hooks.clear();
    },
  };
}

describe('jobs that were claimed ahead', () => {
  it('take the slots that become free, in the order of their claims, and send their begin at the end of the turn', () => {
    const { slots, run, begun, ahead, end, endOfTurn, begins } = someSlots(2);
    slots.add([...begun(1, 2), ...ahead(3, 4, 5)]);
    expect(run).toEqual([1, 2]);
    end(2);
    end(1);
    expect(run).toEqual([1, 2, 3, 4]);
    expect(begins()).toEqual([]);
    endOfTurn();
    expect(begins()).toEqual([3, 4]);
    end(3);
    endOfTurn();
    expect(begins()).toEqual([3, 4, 5]);
  });

  it('send no begin when they end in the same turn', () => {
    const { slots, run, ahead, end, endOfTurn, begins } = someSlots(1);
    slots.add(ahead(1, 2, 3));
    end(1);
    end(2);
    endOfTurn();
    expect(run).toEqual([1, 2, 3]);
    expect(begins()).toEqual([3]);
  });

  it('leave the slots reserved for the jobs that a claim in flight begins', () => {
    const { slots, intake, run, ahead, begun } = someSlots(2);
    intake.reservedSlots = 1;
    slots.add(ahead(1, 2));
    expect(run).toEqual([1]);
    intake.reservedSlots = 0;
    slots.add(begun(3));
    expect(run).toEqual([1, 3]);
  });

  it('are given back, and not begun, once their lease is over unless it was extended', () => {
    const { slots, run, givenBack, begun, ahead, heldJob, end } = someSlots(1);
    slots.add([...begun(1), ...ahead(2, 3)]);
    heldJob(3).extendedAtMs += LEASE_MS;
    // The event loop was blocked: no timer has run.
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + LEASE_MS);
    vi.advanceTimersByTime(0);
    end(1);
    expect(run).toEqual([1, 3]);
    expect(givenBack).toEqual([2]);
    vi.restoreAllMocks();
  });

  it('are given back when all slots are taken for longer than a claim takes', () => {
    const { slots, intake, givenBack, begun, ahead } = someSlots(1);
    intake.claimMs = 50;
    slots.add([...begun(1), ...ahead(2, 3)]);
    vi.advanceTimersByTime(45);
    expect(givenBack).toEqual([]);
    expect(intake.isHeldUp).toBe(false);
    vi.advanceTimersByTime(10);
    expect(givenBack).toEqual([2, 3]);
    expect(intake.isHeldUp).toBe(true);
    expect(slots.held().map(({ id }) => id)).toEqual([1]);
  });

  it('keep waiting while slots become free again and again', () => {
    const { slots, intake, givenBack, begun, ahead, end } = someSlots(1);
    intake.claimMs = 50;
    slots.add([...begun(1), ...ahead(2, 3, 4, 5)]);
    for (let id = 1; id <= 3; id += 1) {
      vi.advanceTimersByTime(40);
      end(id);
    }
    expect(givenBack).toEqual([]);
    vi.advanceTimersByTime(60);
    expect(givenBack).toEqual([5]);
  });

  it('are given back when the worker closes', () => {
    const { slots, run, givenBack, begun, ahead, stalled, end } = someSlots(1);
    slots.add([...begun(1), ...ahead(2), ...stalled(3)]);
    slots.close();
    expect(givenBack).toEqual([2, 3]);
    slots.add(begun(4));
    end(1);
    expect(givenBack).toEqual([2, 3, 4]);
    expect(run).toEqual([1]);
  });
});

describe('jobs that their claim began', () => {
  it('are given back when no slot is free: a lease that expires would count', () => {
    const { slots, run, givenBack, begun } = someSlots(2);
    slots.add(begun(1, 2, 3));
    expect(run).toEqual([1, 2]);
    expect(givenBack).toEqual([3]);
  });
});

describe('jobs of a worker that allows no stall', () => {
  it('run once their begin has a reply, and the next one begins only then', () => {
    const { slots, run, ahead, begins, replyBegin } = someSlots(2, new Quarantine(), 0);
    slots.add(ahead(1, 2, 3));
    expect([run, begins()]).toEqual([[], [1]]);
    replyBegin(1);
    expect([run, begins()]).toEqual([[1], [1, 2]]);
    replyBegin(2);
    expect([run, begins()]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('continue to begin if the begin before had no effect', () => {
    const { slots, run, ahead, begins, replyBegin, failBegin, givenBack, heldJob } = someSlots(1, new Quarantine(), 0);
    slots.add(ahead(1, 2, 3, 4));
    replyBegin(1, false);
    failBegin(2, new Error('no reply'));
    slots.lose(heldJob(3));
    replyBegin(3);
    slots.fill();
    replyBegin(4);
    expect(begins()).toEqual([1, 2, 3, 4]);
    expect(givenBack).toEqual([1, 2]);
    expect(run).toEqual([4]);
  });
});

describe('processors that compute for long', () => {
  /** Each run takes so long that no other is called in the same turn. */
  const busy = (): void => {
    const nowMs = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(nowMs + 25);
  };
  afterEach(() => void vi.restoreAllMocks());

  it('are called in a turn of the event loop each', () => {
    const { slots, run, begun, ahead, onRun } = someSlots(4);
    onRun(busy);
    slots.add([...begun(1, 2, 3), ...ahead(4)]);
    for (let turns = 1; turns <= 4; turns += 1) {
      expect(run).toHaveLength(turns);
      vi.advanceTimersToNextTimer();
    }
    expect(run).toEqual([1, 2, 3, 4]);
  });

  it('are no longer called for jobs that are lost, or over, or when the worker closes', () => {
    const { slots, run, givenBack, begun, heldJob, onRun } = someSlots(5);
    onRun(busy);
    slots.add(begun(1, 2, 3, 4, 5));
    slots.lose(heldJob(2));
    heldJob(3).extendedAtMs -= LEASE_MS;
    vi.advanceTimersToNextTimer();
    expect([run, givenBack]).toEqual([[1, 4], [3]]);
    slots.close();
    vi.advanceTimersToNextTimer();
    expect([run, givenBack]).toEqual([
      [1, 4],
      [3, 5],
    ]);
  });
});

describe('jobs that stalled before', () => {
  it('run once their begin has a reply, one after the other, and nothing begins beside them', () => {
    const { slots, run, stalled, ahead, begins, replyBegin, end, report, endOfTurn } = someSlots(4);
    slots.add([...stalled(1, 2), ...ahead(3)]);
    expect(begins()).toEqual([1]);
    expect(run).toEqual([]);
    replyBegin(1);
    expect(run).toEqual([1]);
    end(1);
    // The outcome may not be logged yet.
    expect(begins()).toEqual([1]);
    report(1);
    expect(begins()).toEqual([1, 2]);
    replyBegin(2);
    end(2);
    report(2);
    expect(run).toEqual([1, 2, 3]);
    endOfTurn();
    expect(begins()).toEqual([1, 2, 3]);
  });

  it('are run one at a time in all workers of the process', () => {
    const quarantine = new Quarantine();
    const one = someSlots(2, quarantine);
    const other = someSlots(2, quarantine);
    one.slots.add(one.stalled(1));
    other.slots.add([...other.stalled(2), ...other.ahead(3)]);
    one.replyBegin(1);
    expect([one.run, other.begins()]).toEqual([[1], []]);
    one.end(1);
    one.report(1);
    expect(other.begins()).toEqual([2]);
    other.replyBegin(2);
    other.end(2);
    other.report(2);
    expect(other.run).toEqual([2, 3]);
  });

  it('cause jobs that a claim has begun meanwhile to be given back, since these would have to wait', () => {
    const { slots, run, givenBack, stalled, begun } = someSlots(4);
    slots.add([...begun(1), ...stalled(2), ...begun(3)]);
    expect(run).toEqual([1]);
    expect(givenBack).toEqual([3]);
  });

  it('let the next one begin after their part of a third of a lease', () => {
    const { slots, run, stalled, ahead, begins, replyBegin } = someSlots(4);
    slots.add([...stalled(1, 2), ...ahead(3)]);
    replyBegin(1);
    vi.advanceTimersByTime(LEASE_MS / 3 / 2 - 1);
    expect(begins()).toEqual([1]);
    vi.advanceTimersByTime(2);
    expect(begins()).toEqual([1, 2]);
    replyBegin(2);
    vi.advanceTimersByTime(LEASE_MS / 3 / 2 - 10);
    expect(run).toEqual([1, 2]);
    vi.advanceTimersByTime(20);
    expect(run).toEqual([1, 2, 3]);
  });

  it('are all begun when a third of a lease is over, and no others wait again within that lease', () => {
    const { slots, stalled, ahead, begins, replyBegin, run } = someSlots(9);
    slots.add([...stalled(1, 2, 3), ...ahead(4)]);
    vi.advanceTimersByTime(LEASE_MS / 3 + 10);
    // The first begin has no reply.
    expect(begins().toSorted()).toEqual([1, 2, 3]);
    expect(run).toEqual([4]);
    for (const id of [1, 2, 3]) replyBegin(id);
    slots.add([...stalled(5), ...ahead(6)]);
    expect(run).toEqual([4, 1, 2, 3, 6]);
    vi.advanceTimersByTime(LEASE_MS * (2 / 3));
    slots.add([...stalled(7), ...ahead(8)]);
    expect(run).toEqual([4, 1, 2, 3, 6]);
    expect(begins().slice(-1)).toEqual([7]);
  });

  it('are dropped when their lease is lost, and the next one begins', () => {
    const { slots, run, errors, stalled, begins, replyBegin } = someSlots(1);
    slots.add(stalled(1, 2));
    replyBegin(1, false);
    expect(begins()).toEqual([1, 2]);
    replyBegin(2);
    expect(run).toEqual([2]);
    expect(errors).toEqual([]);
  });

  it('are given back if it is unknown whether they have begun', () => {
    const { slots, run, givenBack, errors, stalled, begins, failBegin } = someSlots(1);
    slots.add(stalled(1, 2));
    failBegin(1, new Error('no reply'));
    expect(givenBack).toEqual([1]);
    expect(begins()).toEqual([1, 2]);
    expect(errors.map(({ message }) => message)).toEqual(['no reply']);
    expect(run).toEqual([]);
  });

  it('free their slot when the lease is lost before the reply to the begin', () => {
    const { slots, run, stalled, ahead, heldJob, replyBegin } = someSlots(1);
    slots.add([...stalled(1), ...ahead(2)]);
    slots.lose(heldJob(1));
    slots.fill();
    expect(run).toEqual([2]);
    replyBegin(1);
    expect(run).toEqual([2]);
  });

  it('do not block the process when their worker closes, or has no slot for longer than a claim takes', () => {
    const quarantine = new Quarantine();
    const closing = someSlots(1, quarantine);
    const full = someSlots(1, quarantine);
    const other = someSlots(1, quarantine);
    full.slots.add(full.begun(1));
    full.slots.add(full.stalled(2));
    closing.slots.add(closing.stalled(3));
    other.slots.add(other.ahead(4));
    expect(other.run).toEqual([]);
    closing.slots.close();
    closing.replyBegin(3);
    expect([closing.run, closing.givenBack]).toEqual([[], [3]]);
    vi.advanceTimersByTime(100);
    expect(full.givenBack).toEqual([2]);
    expect(other.run).toEqual([4]);
  });

  it('keep the process from claiming ahead until a lease later', () => {
    const quarantine = new Quarantine();
    const { slots, stalled, replyBegin, end, report } = someSlots(1, quarantine);
    expect(quarantine.isCautious(performance.now())).toBe(false);
    slots.add(stalled(1));
    replyBegin(1);
    end(1);
    report(1);
    expect(quarantine.isActive).toBe(false);
    expect(quarantine.isCautious(performance.now())).toBe(true);
    vi.advanceTimersByTime(LEASE_MS);
    expect(quarantine.isCautious(performance.now())).toBe(false);
  });

  it('may be given back in thousands at once', () => {
    const { slots, givenBack, stalled } = someSlots(20_000);
    const jobs = stalled(...Array.from({ length: 20_000 }, (_, at) => at + 1));
    for (const held of jobs.slice(1)) held.extendedAtMs -= LEASE_MS;
    slots.add(jobs);
    slots.lose(jobs[0] as (typeof jobs)[number]);
    expect(givenBack).toHaveLength(19_999);
  });

  it('use the longest lease of their workers, and ten seconds at most', () => {
    const quarantine = new Quarantine();
    quarantine.enter({ token: 1 }, 30);
    quarantine.enter({ token: 2 }, 3_000);
    vi.advanceTimersByTime(990);
    expect(quarantine.isActive).toBe(true);
    vi.advanceTimersByTime(20);
    expect(quarantine.isActive).toBe(false);
    const other = new Quarantine();
    other.enter({ token: 1 }, 3_600_000);
    vi.advanceTimersByTime(9_990);
    expect(other.isActive).toBe(true);
    vi.advanceTimersByTime(20);
    expect(other.isActive).toBe(false);
    vi.advanceTimersByTime(20_000);
    expect(other.isCautious(performance.now())).toBe(false);
  });
});

describe('the quarantine of a process', () => {
  it('is shared by all clusters in it', () => {
    const anEndpoint = (): ClusterEndpoint => ({ nodeIds: () => [1], openChannel: () => undefined });
    expect(Quarantine.of(anEndpoint())).toBe(Quarantine.of(anEndpoint()));
  });
});
