import { describe, expect, it } from 'vitest';
import type { Effects } from '../../src/raft/effects.ts';
import { aFollower, anAppend, aVoteReply } from './builders.ts';
import { Network } from './network.ts';

/** A busy minute of five nodes as one text: the effects of every step, in order. */
function traceOf(seed: number): string {
  const trace: (Effects | undefined)[] = [];
  const network = new Network({ nodes: 5, seed, latencyMs: 3 });
  for (let round = 0; round < 40; round += 1) {
    network.run(37);
    const leader = network.leader();
    if (leader !== undefined) trace.push(network.propose(leader, round));
    const id = 1 + (round % 5);
    if (round % 7 === 3) network.crash(id);
    if (round % 7 === 6) for (const each of network.ids) network.restart(each);
  }
  const views = network.liveIds().map((id) => {
    const { view, nextDeadlineMs } = network.core(id);
    const { role, term, commit, log } = view;
    return { role, term, commit, last: log.last, nextDeadlineMs };
  });
  return JSON.stringify({ trace, views, inFlight: network.inFlight });
}

describe('the core', () => {
  it('gives the same effects for the same seed and the same events', () => {
    expect(traceOf(11)).toBe(traceOf(11));
  });

  it('differs with the seed, and only in its timeouts', () => {
    expect(traceOf(11)).not.toBe(traceOf(12));
    const [one, other] = [1, 2].map((seed) => aFollower({ seed }));
    expect(one?.core.nextDeadlineMs).not.toBe(other?.core.nextDeadlineMs);
    expect(one?.step(anAppend({ from: 2 }))).toEqual(other?.step(anAppend({ from: 2 })));
  });

  it('gives effects to its caller that the next step does not change', () => {
    const follower = aFollower();
    const effects = follower.step(anAppend({ from: 2 }));
    const before = JSON.stringify(effects);
    follower.step(anAppend({ from: 2, term: 5 }));
    expect(JSON.stringify(effects)).toBe(before);
  });

  it('rejects a time before that of the last event', () => {
    const follower = aFollower({ now: 100 });
    expect(() => follower.core.step({ type: 'deadline', now: 99 })).toThrow(/time went back from 100 to 99/);
  });

  it('rejects messages to another node', () => {
    expect(() => aFollower({ id: 1 }).step(aVoteReply({ to: 2 }))).toThrow(/a message to node 2 reached node 1/);
  });
});
