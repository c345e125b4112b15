import { describe, expect, it } from 'vitest';
import { BEHIND_ALL_JOBS } from '../../src/protocol/job-order.ts';
import { StateCode } from '../../src/protocol/job-state.ts';
import { aClaim, aJob, aListing, aScheduler, problemsOf, Script } from './script.ts';

const GOOD: readonly { readonly what: string; readonly history: () => Script }[] = [
  { what: 'nothing happens', history: () => new Script() },
  {
    what: 'jobs are listed in the order of their states, forwards, backwards and in pages',
    history: () =>
      new Script()
        .added(1)
        .added(2, { isLifo: true })
        .added(3)
        .did('jobIds', aListing(), { ids: [2, 1, 3] })
        .did('jobIds', aListing({ isDescending: true, afterRank: BEHIND_ALL_JOBS.rank, countMax: 2 }), { ids: [3, 1] })
        .did('jobIds', aListing({ start: 1 }), { ids: [1, 3] })
        .claimed([2, 1])
        .did('jobIds', aListing({ state: StateCode.active }), { ids: [2] })
        .completed(2, 1)
        .did('jobIds', aListing({ state: StateCode.completed }), { ids: [2] })
        .claimed([1, 2], [3, 3])
        .did('jobIds', aListing(), { ids: [] })
        .completed(1, 2)
        .completed(3, 3),
  },
  {
    what: 'listings lack what may be elsewhere: claimed, removed, dropped, delayed, added later or behind a full page',
    history: () => {
      const script = new Script().added(1).added(2).added(3).added(4, { keepCompleted: 0 }).added(5, { delayMs: 50 });
      const listing = script.begin('jobIds', aListing());
      script.claimed([1, 1]).did('remove', { job: 2, queue: 'work' }, null).added(6);
      listing.ok({ ids: [3, 4] });
      script.claimed([3, 2], [4, 3]).completed(4, 3).completed(3, 2).completed(1, 1);
      script.did('jobIds', aListing({ state: StateCode.completed, countMax: 1 }), { ids: [3] });
      return script.passMs(60).claimed([5, 4], [6, 5]).completed(5, 4).completed(6, 5);
    },
  },
  {
    what: 'a job scheduler adds jobs, misses some ticks, is set again and removed',
    history: () =>
      new Script()
        .did('upsertScheduler', aScheduler({ ticksMax: 9 }), null)
        .claimedTick(1, 1, 1, 500)
        .added(2)
        .completed(1, 1)
        .did('counts', { queue: 'work' }, { waiting: 7, active: 0, completed: 1, failed: 0, delayed: 0 })
        .did('jobIds', aListing(), { ids: [2, 3] })
        .claimed([2, 2])
        .claimedTick(3, 3, 2, 5_500)
        .completed(3, 3)
        .completed(2, 2)
        .unknown('upsertScheduler', aScheduler({ key: 't' }))
        .claimedTick(4, 4, 1, 100, { key: 't#1' })
        .did('removeScheduler', { queue: 'work', scheduler: 'daily' }, null)
        .failed('removeScheduler', { queue: 'work', scheduler: 'daily' }, 'SCHEDULER_NOT_FOUND')
        .completed(4, 4),
  },
  {
    what: 'duplicates are not added, are kept until the job ends, or take its place',
    history: () => {
      const script = new Script().added(1, { deduplicationId: 'd', keepsLast: true }).claimed([1, 1]);
      const duplicate = { deduplicationId: 'd', keepsLast: true };
      script.failed('add', aJob(9, duplicate), 'DEDUPLICATED').unknown('add', aJob(2, duplicate)).completed(1, 1);
      script.claimed([2, 2]).completed(2, 2).added(3, duplicate);
      script.did('removeDeduplication', { queue: 'work', deduplicationId: 'd', holderJobId: 0 }, { isRemoved: true });
      script.added(4, duplicate).claimed([3, 3], [4, 4]).completed(3, 3).completed(4, 4);
      script.added(5, { deduplicationId: 'e', delayMs: 5_000, isReplacing: true }).added(6, { deduplicationId: 'e', isReplacing: true });
      script.read(5, null).claimed([6, 5]).completed(6, 5);
      script
        .added(7, { deduplicationId: 'f' })
        .failed('add', aJob(9, { deduplicationId: 'f', ttlMs: 5, isExtending: true }), 'DEDUPLICATED');
      return script.passMs(9).added(8, { deduplicationId: 'f' }).claimed([7, 6], [8, 7]).completed(7, 6).completed(8, 7);
    },
  },
  {
    what: 'a completed job was dropped by one that keeps fewer',
    history: () =>
      new Script()
        .added(1)
        .added(2, { keepCompleted: 1 })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2)
        .did('counts', { queue: 'work' }, { waiting: 0, active: 0, completed: 1, failed: 0, delayed: 0 })
        .did('jobIds', aListing({ state: StateCode.completed }), { ids: [2] }),
  },
  {
    what: 'a listing that may be stale shows an earlier state',
    history: () =>
      new Script()
        .added(1)
        .did('jobIds', { ...aListing(), consistency: 'stale' }, { ids: [] })
        .claimed([1, 1])
        .completed(1, 1),
  },
  {
    what: 'a read is served before two claims whose entries are older, and committed late: the first lease has ended when the second begins',
    history: () => {
      const script = new Script().added(1);
      const first = script.begin('claim', aClaim(1));
      script.passMs(2_000);
      const second = script.begin('claim', aClaim(1));
      script.did('getJob', { job: 1 }, { state: 'waiting', token: 0, attempt: 0, stalls: 0 });
      const claimed = { job: 1, key: 'job-1', attempt: 1 };
      first.ok({ jobs: [{ ...claimed, token: 1, isBegun: true, stalls: 0 }] });
      second.ok({ jobs: [{ ...claimed, token: 2, isBegun: false, stalls: 1 }] });
      return script.did('begin', { job: 1, token: 2 }, null).completed(1, 2);
    },
  },
  {
    what: 'a job is added, claimed and completed',
    history: () => new Script().added(1).claimed([1, 1]).completed(1, 1).read(1, 'completed'),
  },
  {
    what: 'jobs with lifo are served before the others, newest first, also when one is tried again',
    history: () =>
      new Script()
        .added(1)
        .added(2, { isLifo: true })
        .added(3, { isLifo: true })
        .claimed([3, 1], [2, 2])
        .did('fail', { job: 3, token: 1, backoff: false }, null)
        .claimed([3, 3, 2], [1, 4])
        .completed(1, 4)
        .completed(2, 2)
        .completed(3, 3),
  },
  {
    what: 'a job with lifo that was added while a claim ran may be served later',
    history: () => {
      const script = new Script().added(1);
      const claim = script.begin('claim', aClaim());
      script.added(2, { isLifo: true });
      claim.ok({ jobs: [{ job: 1, key: 'job-1', token: 1, attempt: 1 }] });
      return script.claimed([2, 2]).completed(1, 1).completed(2, 2);
    },
  },
  {
    what: 'adds that overlap get their ids in any order',
    history: () => {
      const script = new Script();
      const first = script.begin('add', aJob(2));
      const second = script.begin('add', aJob(1));
      first.ok({ job: 2 });
      second.ok({ job: 1 });
      return script.claimed([1, 1], [2, 2]).completed(1, 1).completed(2, 2);
    },
  },
  {
    what: 'a late reply to a claim shows a job without its key, and two adds of unknown outcome may have added it',
    history: () => {
      const script = new Script();
      script.begin('add', aJob(1, { queue: 'other' })).info('timeout');
      script.begin('add', aJob(2)).info('timeout');
      const jobs = [{ job: 2, token: 1, attempt: 1, isBegun: true, stalls: 0 }];
      return script.did('claim', aClaim(), { jobs }).completed(2, 1);
    },
  },
  {
    what: 'a lease ends, the next worker gets a larger token, and the first is rejected',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .passMs(1_500)
        .claimed([1, 2, 1, 1])
        .failed('complete', { job: 1, token: 1 })
        .completed(1, 2)
        .read(1, 'completed'),
  },
  {
    what: 'an extension shortens a lease',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .did('extend', { job: 1, token: 1, leaseMs: 10 }, null)
        .passMs(50)
        .claimed([1, 2, 1, 1])
        .completed(1, 2),
  },
  {
    what: 'a released job returns without a counted attempt, and to its position',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .claimed([1, 1])
        .did('release', { job: 1, token: 1 }, null)
        .claimed([1, 2, 1], [2, 3])
        .completed(1, 2)
        .completed(2, 3),
  },
  {
    what: 'a job fails for good, is retried and completed',
    history: () =>
      new Script()
        .added(1, { attemptsMax: 1 })
        .claimed([1, 1])
        .did('fail', { job: 1, token: 1 }, null)
        .read(1, 'failed')
        .did('retry', { job: 1, queue: 'work' }, null)
        .claimed([1, 2, 1])
        .completed(1, 2),
  },
  {
    what: 'a failed attempt with backoff is delayed, then waits',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .did('fail', { job: 1, token: 1, backoff: true }, null)
        .read(1, 'delayed')
        .read(1, 'waiting')
        .claimed([1, 2, 2])
        .completed(1, 2),
  },
  {
    what: 'the lease of the last attempt ends, which is a stall and not an attempt',
    history: () => new Script().added(1, { attemptsMax: 1 }).claimed([1, 1]).passMs(2_000).claimed([1, 2, 1, 1]).completed(1, 2),
  },
  {
    what: 'a job stalls more often than it may, and fails',
    history: () => new Script().added(1).claimed([1, 1]).passMs(2_000).claimed([1, 2, 1, 1]).begun(1, 2).passMs(2_000).read(1, 'failed'),
  },
  {
    what: 'a job that is claimed ahead is begun, also repeatedly, and completed',
    history: () => new Script().added(1).claimedAhead(1, 1).begun(1, 1).begun(1, 1).completed(1, 1),
  },
  {
    what: 'a lease that ends before the begin counts nothing',
    history: () => new Script().added(1).claimedAhead(1, 1).passMs(2_000).claimed([1, 2]).completed(1, 2),
  },
  {
    what: 'a failure ends a row of stalls',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .passMs(2_000)
        .claimed([1, 2, 1, 1])
        .did('fail', { job: 1, token: 2, backoff: false }, null)
        .claimed([1, 3, 2])
        .completed(1, 3),
  },
  {
    what: 'a holder is gone: its begun jobs stall, and its other jobs return',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .claimed([1, 1])
        .claimedAhead(2, 2)
        .did('releaseHolder', { holder: 7 }, null)
        .failed('complete', { job: 1, token: 1 })
        .claimed([1, 3, 1, 1], [2, 4])
        .completed(1, 3)
        .completed(2, 4),
  },
  {
    what: 'another holder is gone',
    history: () => new Script().added(1).claimed([1, 1]).did('releaseHolder', { holder: 8 }, null).completed(1, 1),
  },
  {
    what: 'a job of another queue is not found',
    history: () => new Script().added(1).failed('remove', { job: 1, queue: 'other' }, 'JOB_NOT_FOUND').claimed([1, 1]).completed(1, 1),
  },
  {
    what: 'a finished job that is not kept is gone',
    history: () => new Script().added(1, { keepCompleted: 0 }).claimed([1, 1]).completed(1, 1).read(1, null),
  },
  {
    what: 'a finished job is removed for a later one',
    history: () =>
      new Script()
        .added(1, { keepCompleted: 1 })
        .added(2, { keepCompleted: 1 })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2)
        .read(1, null)
        .read(2, 'completed'),
  },
  {
    what: 'a claim leaves jobs that wait, since its queue has as many active ones as it may have, or it begins no more',
    history: () =>
      new Script()
        .did('setConcurrency', { queue: 'work', concurrencyMax: 2 }, null)
        .added(1)
        .added(2)
        .added(3)
        .did('claim', { ...aClaim(3), beginMax: 1 }, { jobs: [{ job: 1, token: 1, attempt: 1 }] })
        .claimed([2, 2])
        .did('claim', aClaim(), { jobs: [] })
        .completed(1, 1)
        .claimed([3, 3])
        .did('setConcurrency', { queue: 'work', concurrencyMax: 0 }, null)
        .did('concurrency', { queue: 'work' }, { concurrencyMax: 0 })
        .completed(2, 2)
        .completed(3, 3),
  },
  {
    what: 'a claim leaves jobs that wait, since others took as many as their queue allows within a time, or it is held back',
    history: () =>
      new Script()
        .did('setRateLimit', { queue: 'work', rateMax: 1, rateMs: 100 }, null)
        .did('rateLimit', { queue: 'work' }, { rateMax: 1, rateMs: 100 })
        .added(1)
        .added(2)
        .did('claim', aClaim(2), { jobs: [{ job: 1, token: 1, attempt: 1 }] })
        .did('claim', aClaim(), { jobs: [] })
        .did('setRateLimit', { queue: 'work', rateMax: 0, rateMs: 1 }, null)
        .did('holdClaims', { queue: 'work', holdMs: 50 }, null)
        .did('claim', aClaim(), { jobs: [] })
        .did('rateLimit', { queue: 'work' }, { rateMax: 0, rateMs: 0 })
        .passMs(100)
        .claimed([2, 2])
        .completed(1, 1)
        .completed(2, 2),
  },
  {
    what: 'each pause of an exponential backoff is twice the one before',
    history: () =>
      new Script()
        .added(1, { backoffMs: 200, isBackoffExponential: true })
        .claimed([1, 1])
        .did('fail', { job: 1, token: 1 }, null)
        .passMs(210)
        .claimed([1, 2, 2])
        .did('fail', { job: 1, token: 2 }, null)
        .read(1, 'delayed')
        .passMs(410)
        .claimed([1, 3, 3])
        .completed(1, 3),
  },
  {
    what: 'a claim ends without a job, which shows nothing',
    history: () =>
      new Script()
        .added(1)
        .did('claim', aClaim(1, { waitMs: 100 }), { jobs: [] })
        .claimed([1, 1])
        .completed(1, 1),
  },
  {
    what: 'a stale read goes back in time, which is allowed',
    history: () => new Script().added(1).did('getJob', { job: 1, consistency: 'stale' }, { state: null }).claimed([1, 1]).completed(1, 1),
  },
  {
    what: 'a read that overlaps a completion sees either',
    history: () => {
      const script = new Script().added(1).claimed([1, 1]);
      const complete = script.begin('complete', { job: 1, token: 1 });
      script.read(1, 'completed');
      complete.ok(null);
      return script;
    },
  },
];

/** Histories with an operation of unknown outcome: both outcomes must be allowed, also a late effect. */
const UNKNOWN: readonly { readonly what: string; readonly history: () => Script; readonly isDrained?: boolean }[] = [
  { what: 'an add that did take effect', history: () => new Script().unknown('add', aJob(1)).claimed([1, 1]).completed(1, 1) },
  {
    what: 'an add that did, and whose job was removed',
    history: () =>
      new Script()
        .unknown('add', aJob(1))
        .did('counts', { queue: 'work' }, { waiting: 1 })
        .did('remove', { job: 1 }, null)
        .did('counts', { queue: 'work' }, { waiting: 0 }),
  },
  { what: 'an add that did not', history: () => new Script().unknown('add', aJob(1)).did('claim', aClaim(), { jobs: [] }) },
  {
    what: 'a claim of unknown outcome took a job whose add is unknown, too, and which only a listing shows',
    history: () =>
      new Script()
        .unknown('add', aJob(1))
        .unknown('add', aJob(2))
        .unknown('claim', aClaim(1))
        .did('jobIds', aListing({ state: StateCode.active }), { ids: [1] }),
  },
  {
    what: 'an add that did, and whose job was listed',
    history: () =>
      new Script()
        .unknown('add', aJob(1))
        .did('jobIds', aListing(), { ids: [1] })
        .claimed([1, 1])
        .completed(1, 1),
  },
  {
    what: 'an add that did not, before a listing',
    history: () => new Script().unknown('add', aJob(1)).did('jobIds', aListing(), { ids: [] }),
  },
  {
    what: 'an add that took effect later',
    history: () =>
      new Script()
        .unknown('add', aJob(2))
        .added(1)
        .did('counts', { queue: 'work' }, { waiting: 1 })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2),
  },
  {
    what: 'an add without a reply',
    history: () => {
      const script = new Script();
      script.begin('add', aJob(1));
      return script.claimed([1, 1]).completed(1, 1);
    },
  },
  {
    what: 'a completion that did take effect',
    history: () => new Script().added(1).claimed([1, 1]).unknown('complete', { job: 1, token: 1 }).read(1, 'completed'),
  },
  {
    what: 'a completion that did not',
    history: () =>
      new Script().added(1).claimed([1, 1]).unknown('complete', { job: 1, token: 1 }).passMs(2_000).claimed([1, 2, 1, 1]).completed(1, 2),
  },
  {
    what: 'a completion that took effect after a read',
    history: () => new Script().added(1).claimed([1, 1]).unknown('complete', { job: 1, token: 1 }).read(1, 'active').read(1, 'completed'),
  },
  {
    what: 'a claim that took the job, which came back when its lease was over',
    history: () => new Script().added(1).unknown('claim', aClaim()).read(1, 'active').passMs(2_000).claimed([1, 2, 1, 1]).completed(1, 2),
  },
  {
    what: 'a claim that took the job ahead, so that it came back as it was',
    history: () => new Script().added(1).unknown('claim', aClaim()).read(1, 'active').passMs(2_000).claimed([1, 2]).completed(1, 2),
  },
  {
    what: 'a begin that did take effect',
    history: () =>
      new Script().added(1).claimedAhead(1, 1).unknown('begin', { job: 1, token: 1 }).passMs(2_000).claimed([1, 2, 1, 1]).completed(1, 2),
  },
  {
    what: 'a begin that did not',
    history: () =>
      new Script().added(1).claimedAhead(1, 1).unknown('begin', { job: 1, token: 1 }).passMs(2_000).claimed([1, 2]).completed(1, 2),
  },
  {
    what: 'a holder that was said to be gone',
    history: () => new Script().added(1).claimedAhead(1, 1).unknown('releaseHolder', { holder: 7 }).claimed([1, 2]).completed(1, 2),
  },
  { what: 'a claim that took nothing', history: () => new Script().added(1).unknown('claim', aClaim()).claimed([1, 1]).completed(1, 1) },
  {
    what: 'a claim that took the first of two',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .unknown('claim', aClaim())
        .claimed([2, 2])
        .completed(2, 2)
        .passMs(2_000)
        .claimed([1, 3, 1, 1])
        .completed(1, 3),
  },
  { what: 'a removal that did take effect', history: () => new Script().added(1).unknown('remove', { job: 1 }).read(1, null) },
  { what: 'a removal that did not', history: () => new Script().added(1).unknown('remove', { job: 1 }).claimed([1, 1]).completed(1, 1) },
];

describe('a history passes every checker when', () => {
  it.each(GOOD)('$what', ({ history }) => {
    const report = history().check();
    expect(problemsOf(report)).toBe('');
    expect(report.ok).toBe(true);
    expect(report.verdicts.map(({ checker }) => checker)).toContain('linearizable queue');
  });
});

describe('an operation of unknown outcome', () => {
  it.each(UNKNOWN)('may be $what', ({ history }) => {
    const report = history().check();
    expect(problemsOf(report)).toBe('');
    expect(report.ok).toBe(true);
  });

  it('takes effect at most once', () => {
    const script = new Script().unknown('add', aJob(1));
    for (const id of [1, 2]) script.did('claim', aClaim(), { jobs: [{ job: id, key: 'job-1', token: id, attempt: 1 }] }).completed(id, id);
    expect(problemsOf(script.check())).toMatch(/"job-1" was added once and is job 1 and job 2/);
  });

  it('does not take effect before it was invoked', () => {
    const script = new Script().added(1).claimed([1, 1]).read(1, 'completed').unknown('complete', { job: 1, token: 1 });
    expect(problemsOf(script.check())).toMatch(/job 1 has no linear order/);
  });
});

describe('a drained history', () => {
  it('has to be declared: unfinished jobs are no loss before', () => {
    const script = new Script().added(1).added(2).claimed([1, 1]).completed(1, 1);
    expect(script.check({ isDrained: false }).ok).toBe(true);
    expect(script.check({ isDrained: true }).accounting).toMatchObject({ acknowledged: 2, lost: 1, duplicated: 0, unexpected: 0 });
  });
});

describe('several queues in one history', () => {
  const swapped = (queue: string, id: number, script: Script): Script => {
    script.added(id, { queue }).added(id + 1, { queue });
    for (const job of [id + 1, id]) {
      const jobs = [{ job, key: `job-${job}`, token: job === id ? id + 1 : id, attempt: 1 }];
      script.did('claim', aClaim(1, { queue }), { jobs });
    }
    return script.completed(id, id + 1).completed(id + 1, id);
  };

  it('are checked separately: a problem of one is not a problem of the other', () => {
    const script = swapped('one', 1, new Script());
    script.added(3, { queue: 'two' }).did('counts', { queue: 'two' }, { waiting: 1 });
    const whole = (queue: string) => script.check({ isDrained: false, wholeQueues: [queue] }).verdicts.at(-1);
    expect(whole('one')).toMatchObject({ checker: 'linearizable queue', result: 'violation' });
    expect(whole('two')).toMatchObject({ checker: 'linearizable queue', result: 'ok', checked: 2 });
  });

  it('are checked as one when a job is named whose queue is unknown', () => {
    const script = new Script().unknown('add', aJob(1)).added(2, { queue: 'two' }).did('remove', { job: 1 }, null);
    const report = script.check({ isDrained: false });
    expect(problemsOf(report)).toBe('');
    expect(report.verdicts.at(-1)).toMatchObject({ result: 'ok', checked: 3 });
  });
});

describe('a search that would take too long', () => {
  it('ends with the verdict unknown, which is not ok', () => {
    const script = new Script();
    const calls = Array.from({ length: 12 }, (_, at) => script.begin('add', aJob(at + 1)));
    for (const [at, call] of calls.entries()) call.ok({ job: 12 - at });
    const report = script.check({ isDrained: false, queueStepsMax: 5 });
    expect(report.verdicts.at(-1)).toMatchObject({ checker: 'linearizable queue', result: 'unknown', ok: false });
    expect(report.ok).toBe(false);
  });

  it('is counted, and the other queues are still checked', () => {
    const script = new Script().added(1, { queue: 'short' });
    const calls = Array.from({ length: 6 }, (_, at) => script.begin('add', { ...aJob(at + 2), queue: 'long' }));
    for (const [at, call] of calls.entries()) call.ok({ job: 7 - at });
    const searchesWithin = (queueStepsMax: number) => script.check({ isDrained: false, queueStepsMax }).verdicts.at(-1)?.searches;
    expect(searchesWithin(5)).toEqual({ objects: 'queues', count: 2, unknown: 1 });
    expect(searchesWithin(10_000)).toEqual({ objects: 'queues', count: 2, unknown: 0 });
  });
});

describe('a job that its queue keeps forever', () => {
  it('may be removed by another job, whose add keeps fewer', () => {
    const script = new Script()
      .added(1)
      .added(2, { keepCompleted: 1 })
      .claimed([1, 1], [2, 2])
      .completed(1, 1)
      .completed(2, 2)
      .read(1, null);
    expect(problemsOf(script.check({ isDrained: false, wholeQueues: [] }))).toBe('');
  });

  it('is not removed by one that keeps none', () => {
    const script = new Script()
      .added(1)
      .added(2, { keepCompleted: 0 })
      .claimed([1, 1], [2, 2])
      .completed(1, 1)
      .completed(2, 2)
      .read(1, null);
    expect(problemsOf(script.check({ wholeQueues: [] }))).toContain('job 1 of work is gone after 0 later completions');
  });
});

describe('many claims of unknown outcome', () => {
  it('are followed without trying every order of them', () => {
    const script = new Script().added(1);
    for (let claim = 0; claim < 40; claim += 1) script.unknown('claim', aClaim());
    const report = script.passMs(2_000).claimed([1, 90, 1]).completed(1, 90).check({ wholeQueues: [], jobStepsMax: 5_000 });
    expect(report.verdicts.find(({ checker }) => checker === 'linearizable jobs')?.result).toBe('ok');
  });
});
