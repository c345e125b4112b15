import { describe, expect, it, vi } from 'vitest';
import { Exclusive } from '../../src/cluster/exclusive.ts';
import { MembershipController } from '../../src/cluster/membership-controller.ts';
import { type RebuildClock, type RebuildReply, Rebuilds, type RebuildsParts } from '../../src/cluster/rebuilds.ts';
import { eventually } from '../client/eventually.ts';
import { aNodeStatus } from './node-status.ts';

const GRANTED: RebuildReply = { isFromLeader: true, rejection: undefined };
const rejected = (message: string, isFinal = false): RebuildReply => ({ isFromLeader: true, rejection: { message, isFinal } });

const NO_LEADER: RebuildReply = { isFromLeader: false, rejection: undefined };

/** Time passes only here: by the pauses, and by the time that a test adds. */
class SimulatedClock implements RebuildClock {
  #nowMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  async pause(ms: number): Promise<void> {
    this.#nowMs += ms;
  }
}

/**
 * Rebuilds whose leader returns these replies to the questions, one after the other, and the last one for all later questions.
 * @param tookMs how long each reply takes; by default no time.
 * @param areOthersRunning by the number of earlier replies.
 */
function rebuildsWith(replies: readonly RebuildReply[], tookMs: readonly number[] = [], areOthersRunning = (_replied: number) => true) {
  const exclusive = new Exclusive();
  const clock = new SimulatedClock();
  const questions: number[] = [];
  const ask = async (_node: number, question: number): Promise<RebuildReply> => {
    await clock.pause(tookMs[questions.length] ?? 0);
    questions.push(question);
    return replies[Math.min(questions.length, replies.length) - 1] ?? GRANTED;
  };
  const parts: RebuildsParts = {
    dataDir: undefined,
    ask,
    unfinished: async () => [],
    areOthersRunning: () => areOthersRunning(questions.length),
    isClosed: () => false,
    exclusive,
  };
  const rebuilds = new Rebuilds(parts, clock);
  return { rebuilds, exclusive, questions, clock };
}

describe('the rebuild of a node', () => {
  it('asks again, with another question, once the node is stopped: it may have acknowledged more meanwhile', async () => {
    const done: string[] = [];
    const { rebuilds, questions } = rebuildsWith([GRANTED, rejected('node 3 is behind.'), GRANTED]);
    const stop = async (): Promise<void> => void done.push('stop');
    await rebuilds.run(2, { stop, replace: async () => void done.push(`replace after ${questions.length} replies`) });
    expect(done).toEqual(['stop', 'replace after 3 replies']);
    expect(questions[1]).not.toBe(questions[0]);
    expect(questions[2]).toBe(questions[1]);
  });

  it('of a node that does not run asks once', async () => {
    const { rebuilds, questions } = rebuildsWith([GRANTED]);
    await expect(rebuilds.run(2, { replace: async () => 'replaced' })).resolves.toBe('replaced');
    expect(questions).toHaveLength(1);
  });

  it('starts the node again with its file when the leader rejects the confirmation', async () => {
    const done: string[] = [];
    const { rebuilds } = rebuildsWith([GRANTED, NO_LEADER]);
    const step = (name: string) => async (): Promise<void> => void done.push(name);
    const rebuild = rebuilds.run(2, { stop: step('stop'), replace: step('replace'), resume: step('resume') });
    await expect(rebuild).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      outcome: 'not-applied',
      message: /Node 2 cannot be rebuilt: no leader/,
    });
    expect(done).toEqual(['stop', 'resume']);
  });

  it('gives up once no leader has replied for ten seconds, or none has granted it for a minute', async () => {
    const replace = async (): Promise<void> => undefined;
    const leaderless = rebuildsWith([NO_LEADER]);
    await expect(leaderless.rebuilds.run(2, { replace })).rejects.toThrow(/no leader replies/);
    expect(leaderless.clock.nowMs()).toBeCloseTo(10_000, -2);
    const behind = rebuildsWith([rejected('node 3 is behind.')]);
    await expect(behind.rebuilds.run(2, { replace })).rejects.toThrow(/node 3 is behind/);
    expect(behind.clock.nowMs()).toBeCloseTo(60_000, -2);
  });

  it.each([
    ['at once', []],
    ['after rejections that pass', [rejected('node 3 is behind.'), NO_LEADER, rejected('voters are leaving.')]],
  ])('gives up as soon as a rejection is final, %s', async (_when, before) => {
    const { rebuilds, questions, clock } = rebuildsWith([...before, rejected('nodes 1 and 2 vote.', true), GRANTED]);
    await expect(rebuilds.run(2, { replace: async () => undefined })).rejects.toMatchObject({
      code: 'STORAGE_TOO_FEW_VOTERS',
      outcome: 'not-applied',
      message: /Node 2 cannot be rebuilt: nodes 1 and 2 vote\. Add a node first/,
    });
    expect(questions).toHaveLength(before.length + 1);
    expect(clock.nowMs()).toBeLessThan(1_000);
  });

  it('starts the node again with its file as soon as a rejection is final', async () => {
    const done: string[] = [];
    const { rebuilds, questions } = rebuildsWith([GRANTED, rejected('nodes 1 and 2 vote.', true), GRANTED]);
    const step = (name: string) => async (): Promise<void> => void done.push(name);
    const rebuild = rebuilds.run(2, { stop: step('stop'), replace: step('replace'), resume: step('resume') });
    await expect(rebuild).rejects.toMatchObject({ code: 'STORAGE_TOO_FEW_VOTERS' });
    expect(done).toEqual(['stop', 'resume']);
    expect(questions).toHaveLength(2);
  });

  it('gives up once the others that run have been no majority for ten seconds; one may be started again', async () => {
    const behind = rejected('node 3 is behind.');
    const stopped = rebuildsWith([behind], [], () => false);
    await expect(stopped.rebuilds.run(2, { replace: async () => undefined })).rejects.toThrow(/node 3 is behind.*Start the other nodes/);
    expect(stopped.clock.nowMs()).toBeCloseTo(10_000, -2);
    const restarted = rebuildsWith([...Array.from({ length: 900 }, () => behind), GRANTED], [], (asked) => asked > 500);
    await expect(restarted.rebuilds.run(2, { replace: async () => 'replaced' })).resolves.toBe('replaced');
  });

  it.each([
    ['before', 0],
    ['after', 1],
  ])('is not given up since the machine was stopped for minutes, %s the node was', async (_when, granted) => {
    const replies = [...Array.from({ length: granted }, () => GRANTED), rejected('node 3 is behind.'), NO_LEADER, GRANTED];
    const tookMs = replies.map((reply) => (reply === GRANTED ? 0 : 120_000));
    const { rebuilds } = rebuildsWith(replies, tookMs);
    const stop = granted === 0 ? {} : { stop: async (): Promise<void> => undefined };
    await expect(rebuilds.run(2, { ...stop, replace: async () => 'replaced' })).resolves.toBe('replaced');
  });

  it('and a change of members do not overlap: the change would count on the file that is given up', async () => {
    const done: string[] = [];
    const { rebuilds, exclusive } = rebuildsWith([GRANTED]);
    const control = new MembershipController(
      () => ({
        status: async () => aNodeStatus(done.includes('change') ? { voters: [1, 2] } : { voters: [1, 2, 3] }),
        changeMembership: async () => void done.push('change'),
        transferLeadership: async () => undefined,
      }),
      async () => 1,
      exclusive,
    );
    let stopped: () => void = () => undefined;
    const isStopped = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    let stopping: () => void = () => undefined;
    const isStopping = new Promise<void>((resolve) => {
      stopping = resolve;
    });
    const stop = async (): Promise<void> => {
      stopping();
      await isStopped;
      done.push('stop');
    };
    const rebuild = rebuilds.run(2, { stop, replace: async () => void done.push('replace') });
    await isStopping;
    const asked = vi.spyOn(exclusive, 'run');
    const change = control.change([], [3]);
    await eventually(() => expect(asked.mock.calls.length + done.length).toBeGreaterThan(0));
    // Anything that does not wait for the rebuild would be done by now: there is no pending timer.
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
    stopped();
    await Promise.all([rebuild, change]);
    expect(done).toEqual(['stop', 'replace', 'change']);
  });

  it('that waits for its grant does not hold up the change that it waits for', async () => {
    const { rebuilds, exclusive } = rebuildsWith([rejected('voters are leaving.'), rejected('voters are leaving.'), GRANTED]);
    const order: string[] = [];
    const rebuild = rebuilds.run(2, { replace: async () => void order.push('replace') });
    await exclusive.run(async () => void order.push('change'));
    await rebuild;
    expect(order).toEqual(['change', 'replace']);
  });
});
