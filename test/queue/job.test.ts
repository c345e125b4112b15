import { describe, expect, it } from 'vitest';
import { StateCode } from '../../src/protocol/job-state.ts';
import { POLICY_DEFAULTS } from '../../src/protocol/policy.ts';
import { Job, JobFlag, NEVER } from '../../src/queue/job.ts';
import { type JobPolicy, NamedQueue } from '../../src/queue/named-queue.ts';

const STATES = Object.values(StateCode);
const FLAGS = Object.values(JobFlag);

const aPolicy = (): JobPolicy<Job> => ({
  queue: new NamedQueue<Job>(1, 'mail'),
  ...POLICY_DEFAULTS,
  customId: undefined,
  tick: undefined,
});

const factsOf = ({ state, isBegun, flags }: Job) => ({ state, isBegun, flags });

describe('a job keeps its state, whether it is begun, and its flags apart', () => {
  it.each(STATES.flatMap((state) => FLAGS.map((flag) => ({ state, flag }))))('state $state with flag $flag', ({ state, flag }) => {
    const job = new Job(1, aPolicy(), 0, NEVER);
    expect(factsOf(job)).toEqual({ state: StateCode.removed, isBegun: false, flags: 0 });
    job.state = state;
    job.flags |= flag;
    job.isBegun = true;
    expect(factsOf(job)).toEqual({ state, isBegun: true, flags: flag });
    for (const next of STATES) {
      job.state = next;
      expect(factsOf(job)).toEqual({ state: next, isBegun: true, flags: flag });
    }
    job.state = state;
    for (const other of FLAGS) job.flags |= other;
    job.isBegun = false;
    const all = FLAGS.reduce((sum, each) => sum | each, 0);
    expect(factsOf(job)).toEqual({ state, isBegun: false, flags: all });
    job.flags &= ~flag;
    expect(factsOf(job)).toEqual({ state, isBegun: false, flags: all & ~flag });
  });

  it('and how it ended from how any other did', () => {
    const [one, other] = [1, 2].map((id) => new Job(id, aPolicy(), 0, NEVER));
    if (one === undefined || other === undefined) throw new Error('two jobs');
    one.ownEnd().finishOrder = 7;
    expect(one.end.finishOrder).toBe(7);
    expect(other.end.finishOrder).toBe(0);
    expect(one.ownEnd()).toBe(one.end);
  });
});
