import { describe, expect, it } from 'vitest';
import { Exclusive } from '../../src/cluster/exclusive.ts';
import { MemberControl } from '../../src/cluster/member-control.ts';
import { type RebuildAnswer, Rebuilds } from '../../src/cluster/rebuilds.ts';
import { aNodeStatus } from './node-status.ts';

/** Long enough for the answers that are given here, also on a busy machine: only one refusal is for good. */
const CONFIRM_WAIT_MS = 1_000;
const GRANTED: RebuildAnswer = { isFromLeader: true, refusal: undefined };
const refused = (refusal: string): RebuildAnswer => ({ isFromLeader: true, refusal });

/** Rebuilds whose leader answers the questions with these, one after the other, and the last for good. */
function answered(...answers: readonly RebuildAnswer[]) {
  const exclusive = new Exclusive();
  const questions: number[] = [];
  const ask = async (_node: number, question: number): Promise<RebuildAnswer> => {
    questions.push(question);
    return answers[Math.min(questions.length, answers.length) - 1] ?? GRANTED;
  };
  const parts = { dataDir: undefined, ask, unfinished: async () => [], isClosed: () => false, exclusive };
  const rebuilds = new Rebuilds(parts, CONFIRM_WAIT_MS);
  return { rebuilds, exclusive, questions };
}

describe('the rebuild of a node', () => {
  it('asks again, under another question, once the node is stopped: it may have acknowledged more meanwhile', async () => {
    const done: string[] = [];
    const { rebuilds, questions } = answered(GRANTED, refused('node 3 is behind.'), GRANTED);
    const stop = async (): Promise<void> => void done.push('stop');
    await rebuilds.run(2, { stop, replace: async () => void done.push(`replace after ${questions.length} answers`) });
    expect(done).toEqual(['stop', 'replace after 3 answers']);
    expect(questions[1]).not.toBe(questions[0]);
    expect(questions[2]).toBe(questions[1]);
  });

  it('of a node that does not run asks once', async () => {
    const { rebuilds, questions } = answered(GRANTED);
    await expect(rebuilds.run(2, { replace: async () => 'replaced' })).resolves.toBe('replaced');
    expect(questions).toHaveLength(1);
  });

  it('starts the node again with its file where the leader refuses in the end', async () => {
    const done: string[] = [];
    const noLeader: RebuildAnswer = { isFromLeader: false, refusal: undefined };
    const { rebuilds } = answered(GRANTED, noLeader);
    const step = (name: string) => async (): Promise<void> => void done.push(name);
    const rebuild = rebuilds.run(2, { stop: step('stop'), replace: step('replace'), resume: step('resume') });
    await expect(rebuild).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      outcome: 'not-applied',
      message: /Node 2 cannot be rebuilt: no leader/,
    });
    expect(done).toEqual(['stop', 'resume']);
  });

  it('and a change of members do not overlap: the change would count on the file that is given up', async () => {
    const done: string[] = [];
    const { rebuilds, exclusive } = answered(GRANTED);
    const control = new MemberControl(
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
    const change = control.change([], [3]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(done).toEqual([]);
    stopped();
    await Promise.all([rebuild, change]);
    expect(done).toEqual(['stop', 'replace', 'change']);
  });

  it('that waits for its grant does not hold up the change that it waits for', async () => {
    const { rebuilds, exclusive } = answered(refused('voters are leaving.'), refused('voters are leaving.'), GRANTED);
    const order: string[] = [];
    const rebuild = rebuilds.run(2, { replace: async () => void order.push('replace') });
    await exclusive.run(async () => void order.push('change'));
    await rebuild;
    expect(order).toEqual(['change', 'replace']);
  });
});
