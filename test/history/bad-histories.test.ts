import { describe, expect, it } from 'vitest';
import type { Calls } from '../../src/history/functions.ts';
import { StateCode } from '../../src/protocol/job-state.ts';
import { aClaim, aJob, aListing, aScheduler, problemsOf, Script, violated } from './script.ts';

/** Of a queue that allows one active job. */
const limited = (): Script => new Script().did('setConcurrency', { queue: 'work', concurrencyMax: 1 }, null);

/** A parent, job 1, with a child, job 2. */
const aFamily = (child: Partial<Calls['add']> = {}): Script =>
  new Script().added(1, { hasChildren: true }).added(2, { parentKey: 'job-1', ...child });

/** Each history has one fault, the checkers that must find it, and the message of the first of them. */
const FAULTS: readonly {
  readonly fault: string;
  readonly history: () => Script;
  readonly seenBy: readonly string[];
  readonly says: RegExp;
}[] = [
  {
    fault: 'an acknowledged add is lost',
    history: () => new Script().added(1).added(2).claimed([2, 1]).completed(2, 1),
    seenBy: ['accounting'],
    says: /job 1 was acknowledged and came to no end: add .*"key":"job-1"/,
  },
  {
    fault: 'two jobs with one deduplication id are there at a time',
    history: () =>
      new Script()
        .added(1, { deduplicationId: 'd' })
        .added(2, { deduplicationId: 'd' })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['deduplications'],
    says: /jobs 1 and 2 are there with one deduplication id/,
  },
  {
    fault: 'a job with a deduplication id disappears while it waits',
    history: () => new Script().added(1, { deduplicationId: 'd' }).read(1, null),
    seenBy: ['linearizable jobs', 'linearizable queue'],
    says: /job 1 has no linear order/,
  },
  {
    fault: 'an acknowledged add is not found',
    history: () => new Script().added(1).read(1, null),
    seenBy: ['accounting', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 has no linear order/,
  },
  {
    fault: 'an add takes effect twice',
    history: () => {
      const script = new Script().added(1);
      script.did('claim', aClaim(2), {
        jobs: [
          { job: 1, key: 'job-1', token: 1, attempt: 1 },
          { job: 2, key: 'job-1', token: 2, attempt: 1 },
        ],
      });
      return script.completed(1, 1).completed(2, 2);
    },
    seenBy: ['accounting', 'linearizable queue'],
    says: /"job-1" was added once and is job 1 and job 2/,
  },
  {
    fault: 'two adds get one job',
    history: () => new Script().added(1).did('add', aJob(2), { job: 1 }).claimed([1, 1]).completed(1, 1),
    seenBy: ['accounting', 'linearizable queue'],
    says: /two adds got job 1/,
  },
  {
    fault: 'a completion is accepted twice',
    history: () => new Script().added(1).claimed([1, 1]).completed(1, 1).completed(1, 1),
    seenBy: ['accounting', 'lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 was completed 2 times/,
  },
  {
    fault: 'a stale token is accepted',
    history: () => new Script().added(1).claimed([1, 1]).passMs(2_000).claimed([1, 2, 1, 1]).completed(1, 1),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /stale token 1 of job 1 was accepted after token 2 was given out/,
  },
  {
    fault: 'a stale token extends a lease',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .passMs(2_000)
        .claimed([1, 2, 1, 1])
        .did('extend', { job: 1, token: 1, leaseMs: 1_000 }, null)
        .completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /stale token 1 of job 1/,
  },
  {
    fault: 'a token is accepted that was not given out',
    history: () => new Script().added(1).claimed([1, 1]).completed(1, 5),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /token 5 of job 1 was accepted and never given out/,
  },
  {
    fault: 'tokens do not grow',
    history: () => new Script().added(1).added(2).claimed([1, 7]).claimed([2, 6]).completed(1, 7).completed(2, 6),
    seenBy: ['lifecycle', 'linearizable queue'],
    says: /token 7 was given out before the smaller token 6/,
  },
  {
    fault: 'one token is given out twice',
    history: () => new Script().added(1).added(2).claimed([1, 7], [2, 7]).completed(1, 7).completed(2, 7),
    seenBy: ['lifecycle', 'linearizable queue'],
    says: /token 7 was given out for job 1 and for job 2|token 7 was given out for job 2 and for job 1/,
  },
  {
    fault: 'the order within a priority is swapped',
    history: () => new Script().added(1).added(2).claimed([2, 1]).claimed([1, 2]).completed(1, 2).completed(2, 1),
    seenBy: ['order', 'linearizable queue'],
    says: /job 2 was claimed \(token 1\) before job 1 \(token 2\)/,
  },
  {
    fault: 'a job with lifo is served after one that was added before it',
    history: () => new Script().added(1).added(2, { isLifo: true }).claimed([1, 1]).claimed([2, 2]).completed(1, 1).completed(2, 2),
    seenBy: ['order', 'linearizable queue'],
    says: /job 1 of priority 0 was claimed while job 2 with lifo waited/,
  },
  {
    fault: 'jobs with lifo are served in the order of their adds',
    history: () =>
      new Script().added(1, { isLifo: true }).added(2, { isLifo: true }).claimed([1, 1]).claimed([2, 2]).completed(1, 1).completed(2, 2),
    seenBy: ['order', 'linearizable queue'],
    says: /job 1 of priority 0 was claimed while job 2 with lifo waited/,
  },
  {
    fault: 'a job with lifo that is tried again is served after one without',
    history: () =>
      new Script()
        .added(1, { isLifo: true })
        .added(2)
        .claimed([1, 1])
        .did('fail', { job: 1, token: 1, backoff: false }, null)
        .claimed([2, 2])
        .claimed([1, 3, 2])
        .completed(2, 2)
        .completed(1, 3),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'a job with lifo is served before one of a smaller priority number',
    history: () =>
      new Script().added(1).added(2, { isLifo: true, priority: 1 }).claimed([2, 1]).claimed([1, 2]).completed(2, 1).completed(1, 2),
    seenBy: ['order', 'linearizable queue'],
    says: /job 2 of priority 1 was claimed while job 1 of priority 0 waited/,
  },
  {
    fault: 'ids do not follow the order of the adds',
    history: () => new Script().added(2).added(1).claimed([1, 1], [2, 2]).completed(1, 1).completed(2, 2),
    seenBy: ['order', 'linearizable queue'],
    says: /job 2 was added before job 1 and has the larger id/,
  },
  {
    fault: 'a less urgent job is served first',
    history: () =>
      new Script().added(1, { priority: 5 }).added(2, { priority: 0 }).claimed([1, 1]).claimed([2, 2]).completed(1, 1).completed(2, 2),
    seenBy: ['order', 'linearizable queue'],
    says: /job 1 of priority 5 was claimed while job 2 of priority 0 waited/,
  },
  {
    fault: 'a read of a job goes back in time',
    history: () => new Script().added(1).claimed([1, 1]).completed(1, 1).read(1, 'completed').read(1, 'active').read(1, 'completed'),
    seenBy: ['linearizable jobs', 'linearizable queue'],
    says: /job 1 has no linear order.*"state":"active"/,
  },
  {
    fault: 'counts go back in time',
    history: () =>
      new Script()
        .added(1)
        .did('counts', { queue: 'work' }, { waiting: 1 })
        .did('counts', { queue: 'work' }, { waiting: 0 })
        .claimed([1, 1])
        .completed(1, 1),
    seenBy: ['counts', 'linearizable queue'],
    says: /0 jobs are counted after 1 adds were acknowledged/,
  },
  {
    fault: 'more is counted than was done',
    history: () => new Script().added(1).did('counts', { queue: 'work' }, { completed: 1 }).claimed([1, 1]).completed(1, 1),
    seenBy: ['counts', 'linearizable queue'],
    says: /1 completed jobs are counted, at most 0 were completed/,
  },
  {
    fault: 'a job comes from nowhere',
    history: () => new Script().claimed([9, 1]).completed(9, 1),
    seenBy: ['accounting', 'linearizable jobs', 'linearizable queue'],
    says: /job 9 \("job-9"\) was not added by any client/,
  },
  {
    fault: 'a job is claimed again under a live lease',
    history: () => new Script().added(1).claimed([1, 1]).passMs(500).claimed([1, 2, 1, 1]).completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 was claimed again \d+ ms before the lease of token 1 was over/,
  },
  {
    fault: 'a job is claimed again although its lease was extended',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .passMs(900)
        .did('extend', { job: 1, token: 1, leaseMs: 1_000 }, null)
        .passMs(500)
        .claimed([1, 2, 1, 1])
        .completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /before the lease of token 1 was over/,
  },
  {
    fault: 'an add that was reported as failed took effect',
    history: () => new Script().failed('add', aJob(1), 'NO_LEADER').claimed([1, 1]).completed(1, 1),
    seenBy: ['accounting', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 exists although its add was reported as failed/,
  },
  {
    fault: 'a completion that was reported as failed took effect',
    history: () => new Script().added(1).claimed([1, 1]).failed('complete', { job: 1, token: 1 }).read(1, 'completed'),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /the holder of job 1 \(token 1\) was rejected while its lease was live/,
  },
  {
    fault: 'a job is claimed after its completion',
    history: () => new Script().added(1).claimed([1, 1]).completed(1, 1).passMs(2_000).claimed([1, 2, 1, 1]),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 was claimed \(token 2\) after its completion/,
  },
  {
    fault: 'a job is claimed after it was removed',
    history: () => new Script().added(1).did('remove', { job: 1 }, null).claimed([1, 1]).completed(1, 1),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 was claimed after it was removed/,
  },
  {
    fault: 'an attempt is not charged',
    history: () =>
      new Script().added(1).claimed([1, 1]).did('fail', { job: 1, token: 1, backoff: false }, null).claimed([1, 2, 1]).completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 went from attempt 1 to attempt 1 \(token 2\)/,
  },
  {
    fault: 'a stall is charged as an attempt',
    history: () => new Script().added(1).claimed([1, 1]).passMs(2_000).claimed([1, 2, 2, 1]).completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 went from attempt 1 to attempt 2 \(token 2\)/,
  },
  {
    fault: 'a stall is not counted',
    history: () => new Script().added(1).claimed([1, 1]).passMs(2_000).claimed([1, 2]).completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 went from 0 to 0 stalls \(token 2\)/,
  },
  {
    fault: 'a lease that ended before the begin is a stall',
    history: () => new Script().added(1).claimedAhead(1, 1).passMs(2_000).claimed([1, 2, 1, 1]).completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 went from 0 to 1 stalls \(token 2\)/,
  },
  {
    fault: 'a job that stalled too often is not failed',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .passMs(2_000)
        .claimed([1, 2, 1, 1])
        .begun(1, 2)
        .passMs(2_000)
        .claimed([1, 3, 1, 2])
        .completed(1, 3),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 was claimed after 2 stalls, and 1 were allowed/,
  },
  {
    fault: 'a failure does not end a row of stalls',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .passMs(2_000)
        .claimed([1, 2, 1, 1])
        .did('fail', { job: 1, token: 2, backoff: false }, null)
        .claimed([1, 3, 2, 1])
        .completed(1, 3),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 went from 1 to 1 stalls \(token 3\)/,
  },
  {
    fault: 'a job that stalled is begun by its claim',
    history: () =>
      new Script()
        .added(1)
        .claimed([1, 1])
        .passMs(2_000)
        .did('claim', aClaim(), { jobs: [{ job: 1, key: 'job-1', token: 2, attempt: 1, isBegun: true, stalls: 1 }] })
        .completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 was begun by its claim \(it stalled 1 times\)/,
  },
  {
    fault: 'a claim begins more jobs than it asks for',
    history: () =>
      new Script()
        .added(1)
        .did('claim', aClaim(1, { beginMax: 0 }), { jobs: [{ job: 1, key: 'job-1', token: 1, attempt: 1, isBegun: true, stalls: 0 }] })
        .completed(1, 1),
    seenBy: ['lifecycle'],
    says: /job 1 was begun by its claim \(job 1 of 0 to begin\)/,
  },
  {
    fault: 'the leases of a holder that is gone stay live',
    history: () => new Script().added(1).claimed([1, 1]).did('releaseHolder', { holder: 7 }, null).completed(1, 1),
    seenBy: ['linearizable jobs', 'linearizable queue'],
    says: /job 1 has no linear order/,
  },
  {
    fault: 'the leases of another holder are released',
    history: () => new Script().added(1).claimed([1, 1]).did('releaseHolder', { holder: 8 }, null).claimed([1, 2, 1, 1]).completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 was claimed again \d+ ms before the lease of token 1 was over/,
  },
  {
    fault: 'a job of another queue is removed',
    history: () => new Script().added(1).did('remove', { job: 1, queue: 'other' }, null),
    seenBy: ['lifecycle', 'linearizable jobs'],
    says: /job 1 of work was reached as a job of other/,
  },
  {
    fault: 'a job has more attempts than it may',
    history: () =>
      new Script().added(1, { attemptsMax: 1 }).claimed([1, 1]).did('fail', { job: 1, token: 1 }, null).claimed([1, 2, 2]).completed(1, 2),
    seenBy: ['lifecycle', 'linearizable jobs', 'linearizable queue'],
    says: /job 1 is at attempt 2 of 1/,
  },
  {
    fault: 'a job is claimed before its delay is over',
    history: () => new Script().added(1, { delayMs: 500 }).claimed([1, 1]).completed(1, 1),
    seenBy: ['linearizable jobs', 'linearizable queue'],
    says: /job 1 has no linear order/,
  },
  {
    fault: 'a job that waits is passed over by a claim that finds nothing',
    history: () => new Script().added(1).did('claim', aClaim(), { jobs: [] }).claimed([1, 1]).completed(1, 1),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'more jobs are active than their queue allows',
    history: () => limited().added(1).added(2).claimed([1, 1]).claimed([2, 2]).completed(1, 1),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'a job that waits is passed over although its queue allows one more to be active',
    history: () => limited().added(1).did('claim', aClaim(), { jobs: [] }).claimed([1, 1]).completed(1, 1),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'a claim takes more jobs than its queue allows within a time',
    history: () =>
      new Script()
        .did('setRateLimit', { queue: 'work', rateMax: 1, rateMs: 100 }, null)
        .added(1)
        .added(2)
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'the limit of the rate that is read is another one than was set',
    history: () =>
      new Script()
        .did('setRateLimit', { queue: 'work', rateMax: 1, rateMs: 100 }, null)
        .did('rateLimit', { queue: 'work' }, { rateMax: 1, rateMs: 200 }),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'the limit of active jobs that is read is another one than was set',
    history: () => limited().did('concurrency', { queue: 'work' }, { concurrencyMax: 2 }),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'a job is claimed before the pause after its second failure, which is twice the first, is over',
    history: () =>
      new Script()
        .added(1, { backoffMs: 200, isBackoffExponential: true })
        .claimed([1, 1])
        .did('fail', { job: 1, token: 1 }, null)
        .passMs(210)
        .claimed([1, 2, 2])
        .did('fail', { job: 1, token: 2 }, null)
        .passMs(210)
        .claimed([1, 3, 3])
        .completed(1, 3),
    seenBy: ['linearizable jobs'],
    says: /job 1 has no linear order/,
  },
  {
    fault: 'a job waits before its delay is over',
    history: () => new Script().added(1, { delayMs: 500 }).read(1, 'waiting').passMs(500).claimed([1, 1]).completed(1, 1),
    seenBy: ['linearizable jobs'],
    says: /job 1 has no linear order/,
  },
  {
    fault: 'a queue drops a finished job that is among the last',
    history: () =>
      new Script()
        .added(1, { keepCompleted: 2 })
        .added(2, { keepCompleted: 2 })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2)
        .read(1, null),
    seenBy: ['retention'],
    says: /job 1 of work is gone after 1 later completions, and 2 completed jobs stay/,
  },
  {
    fault: 'a queue keeps more finished jobs than it is asked to',
    history: () =>
      new Script()
        .added(1, { keepCompleted: 1 })
        .added(2, { keepCompleted: 1 })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2)
        .did('counts', { queue: 'work' }, { completed: 2 }),
    seenBy: ['retention'],
    says: /queue work shows 2 completed jobs and keeps 1/,
  },
  {
    fault: 'a listing leaves out a job that waits',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .did('jobIds', aListing(), { ids: [2] })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['listings', 'linearizable queue'],
    says: /job 1 is waiting and is not listed/,
  },
  {
    fault: 'a full page leaves out a job that comes before its last one',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .did('jobIds', aListing({ countMax: 1 }), { ids: [2] })
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['listings', 'linearizable queue'],
    says: /job 1 is waiting and is not listed/,
  },
  {
    fault: 'a listing is not in the order of claims',
    history: () =>
      new Script()
        .added(1)
        .added(2, { isLifo: true })
        .did('jobIds', aListing(), { ids: [1, 2] })
        .claimed([2, 1], [1, 2])
        .completed(1, 2)
        .completed(2, 1),
    seenBy: ['listings', 'linearizable queue'],
    says: /job 1 is listed before job 2, which comes before it/,
  },
  {
    fault: 'a listing leaves out a job that was completed and is kept',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .claimed([1, 1], [2, 2])
        .completed(1, 1)
        .completed(2, 2)
        .did('jobIds', aListing({ state: StateCode.completed }), { ids: [2] }),
    seenBy: ['listings', 'linearizable queue'],
    says: /job 1 is completed and is not listed/,
  },
  {
    fault: 'completed jobs are not listed as they finished',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .claimed([1, 1], [2, 2])
        .completed(2, 2)
        .completed(1, 1)
        .did('jobIds', aListing({ state: StateCode.completed }), { ids: [1, 2] }),
    seenBy: ['listings'],
    says: /job 1 is listed before job 2, which comes before it/,
  },
  {
    fault: 'active jobs are not listed by id',
    history: () =>
      new Script()
        .added(1)
        .added(2)
        .claimed([1, 1], [2, 2])
        .did('jobIds', aListing({ state: StateCode.active }), { ids: [2, 1] })
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['listings', 'linearizable queue'],
    says: /job 2 is listed before job 1, which comes before it/,
  },
  {
    fault: 'a listing has more jobs than it was asked for, and one of them twice',
    history: () =>
      new Script()
        .added(1)
        .did('jobIds', aListing({ countMax: 1 }), { ids: [1, 1] })
        .claimed([1, 1])
        .completed(1, 1),
    seenBy: ['listings', 'linearizable queue'],
    says: /2 jobs are listed, at most 1 were asked for/,
  },
  {
    fault: 'a job that waits is listed as active',
    history: () =>
      new Script()
        .added(1)
        .did('jobIds', aListing({ state: StateCode.active }), { ids: [1] })
        .claimed([1, 1])
        .completed(1, 1),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'a job is listed in another queue',
    history: () =>
      new Script()
        .added(1)
        .added(2, { queue: 'other' })
        .did('jobIds', aListing(), { ids: [1, 2] })
        .claimed([1, 1])
        .completed(1, 1)
        .did('claim', aClaim(1, { queue: 'other' }), { jobs: [{ job: 2, key: 'job-2', token: 2, attempt: 1 }] })
        .completed(2, 2),
    seenBy: ['linearizable queue'],
    says: /the history has no linear order/,
  },
  {
    fault: 'a parent is claimed before its child has ended',
    history: () =>
      aFamily()
        .claimed([2, 1])
        .did('claim', aClaim(1), { jobs: [{ job: 1, key: 'job-1', token: 2, attempt: 1 }] })
        .completed(2, 1)
        .completed(1, 2),
    seenBy: ['flows'],
    says: /job 1 was claimed before its child 2 had ended/,
  },
  {
    fault: 'a parent is claimed after its child has failed it',
    history: () =>
      aFamily({ onFailure: 1 }).claimed([2, 1]).did('fail', { job: 2, token: 1, retry: false }, null).claimed([1, 2]).completed(1, 2),
    seenBy: ['flows'],
    says: /job 1 was claimed after its child 2 had failed it/,
  },
  {
    fault: 'a tick adds two jobs',
    history: () =>
      new Script()
        .did('upsertScheduler', aScheduler(), null)
        .claimedTick(1, 1, 1, 500)
        .claimedTick(2, 2, 1, 500)
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['accounting', 'schedulers'],
    says: /tick 1 of job scheduler "daily" of work, job 2, is job 1, too/,
  },
  {
    fault: 'a tick is at the time of the one before',
    history: () =>
      new Script()
        .did('upsertScheduler', aScheduler(), null)
        .claimedTick(1, 1, 1, 500)
        .claimedTick(2, 2, 2, 500)
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['schedulers'],
    says: /tick 2 .* is at 500, and tick 1 at 500/,
  },
  {
    fault: 'ticks follow each other faster than their interval',
    history: () =>
      new Script()
        .did('upsertScheduler', aScheduler(), null)
        .claimedTick(1, 1, 2, 1_500)
        .claimedTick(2, 2, 4, 2_600)
        .completed(1, 1)
        .completed(2, 2),
    seenBy: ['schedulers'],
    says: /tick 4 .* is only 1100 ms after tick 2/,
  },
  {
    fault: 'a job scheduler ticks beyond its limit',
    history: () =>
      new Script()
        .did('upsertScheduler', aScheduler({ ticksMax: 1 }), null)
        .claimedTick(1, 1, 2, 500)
        .completed(1, 1),
    seenBy: ['accounting', 'schedulers'],
    says: /tick 2 .* is beyond the limit of 1/,
  },
  {
    fault: 'a job scheduler ticks after its end',
    history: () =>
      new Script()
        .did('upsertScheduler', aScheduler({ endMs: 400 }), null)
        .claimedTick(1, 1, 1, 500)
        .completed(1, 1),
    seenBy: ['schedulers'],
    says: /is at 500, after the end at 400/,
  },
  {
    fault: 'a job scheduler ticks that was never set',
    history: () => new Script().failed('upsertScheduler', aScheduler(), 'SCHEDULER_LIMIT').claimedTick(1, 1, 1, 500).completed(1, 1),
    seenBy: ['accounting', 'schedulers'],
    says: /job 1 is of a tick of "s", which no call set/,
  },
  {
    fault: 'the job of a tick is claimed before its scheduler was set',
    history: () => new Script().claimedTick(1, 1, 1, 500).did('upsertScheduler', aScheduler(), null).completed(1, 1),
    seenBy: ['lifecycle'],
    says: /job 1 was claimed before it was added/,
  },
  {
    fault: "a job comes with another job's payload",
    history: () =>
      new Script()
        .added(1)
        .did('claim', aClaim(), { jobs: [{ job: 1, key: 'job-7', token: 1, attempt: 1 }] })
        .completed(1, 1),
    seenBy: ['lifecycle', 'linearizable queue'],
    says: /job 1 was added as "job-1" and came as "job-7"/,
  },
];

describe('a history that shows that', () => {
  it.each(FAULTS)('$fault is rejected', ({ history, seenBy, says }) => {
    const report = history().check();
    expect(report.ok).toBe(false);
    expect(violated(report)).toEqual(expect.arrayContaining([...seenBy]));
    expect(problemsOf(report)).toMatch(says);
  });

  it('names the operations that show a problem', () => {
    const script = new Script().added(1).claimed([1, 1]).completed(1, 1).completed(1, 1);
    const accounting = script.check().verdicts.find(({ checker }) => checker === 'accounting');
    expect(accounting?.problems).toEqual([{ what: expect.stringContaining('complete {"job":1,"token":1} -> ok'), operations: [4, 6] }]);
  });
});
