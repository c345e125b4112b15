import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import type { Effects } from '../../src/raft/effects.ts';
import { anAcceptance, anEstablishedLeader, TEST_CONFIG, type TestCore } from './builders.ts';
import { changeMembers, changeOf } from './change-members.ts';
import { Network } from './network.ts';

describe('a leader that is asked to remove voters', () => {
  const ask = (leader: TestCore, isRepeated = false, remove = [1, 2]): Effects =>
    leader.core.step({ type: 'change-membership', now: leader.now, change: changeOf({ remove }), isRepeated });

  /** Of its peers, these answer in the leader's latest round of heartbeats. */
  const answer = (leader: TestCore, peers: readonly number[], asked: Effects): void => {
    for (const message of asked.messages) {
      if (message.type !== 'append' || !peers.includes(message.to)) continue;
      const { match } = leader.progressOf(message.to);
      leader.step(anAcceptance({ from: message.to, to: leader.id, term: leader.view.term, match, round: message.round }));
    }
  };

  function aHeardLeader(): TestCore {
    const leader = anEstablishedLeader();
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    return leader;
  }

  it('takes no answer for a proof that came before the request', () => {
    const leader = aHeardLeader();
    expect(ask(leader).refused).toEqual({ reason: 'voters-asked', voters: [1, 2, 3] });
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    expect(ask(leader, true).refused).toMatchObject({ reason: 'voters-asked' });
  });

  it('does so once those have answered that are needed before and after', () => {
    const leader = aHeardLeader();
    const asked = ask(leader);
    answer(leader, [2], asked);
    expect(ask(leader, true).refused).toMatchObject({ reason: 'voters-asked' });
    answer(leader, [3], asked);
    expect(ask(leader, true).proposed).toBeDefined();
    expect(leader.view.configuration).toMatchObject({ voters: [3], outgoing: [1, 2, 3] });
  });

  it('asks anew for a request that comes later, also for the same change', () => {
    const leader = aHeardLeader();
    answer(leader, [2, 3], ask(leader));
    expect(ask(leader).refused).toMatchObject({ reason: 'voters-asked' });
  });

  it('rejects the change when they have not answered within an election timeout', () => {
    const leader = aHeardLeader();
    answer(leader, [2], ask(leader));
    leader.advance(TEST_CONFIG.electionTimeoutMs + 1);
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    expect(ask(leader, true).refused).toEqual({ reason: 'too-few-voters', present: [1, 2], voters: [1, 2, 3] });
  });

  it('asks them once more when it could not look at the answers in time', () => {
    const leader = aHeardLeader();
    answer(leader, [2, 3], ask(leader));
    leader.advance(TEST_CONFIG.electionTimeoutMs + 1);
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    const again = ask(leader, true);
    expect(again.refused).toMatchObject({ reason: 'voters-asked' });
    answer(leader, [2, 3], again);
    expect(ask(leader, true).proposed).toBeDefined();
  });

  it('sends heartbeats once for each question, however often it is repeated', () => {
    const leader = aHeardLeader();
    expect(ask(leader).messages).toHaveLength(2);
    for (let turn = 0; turn < 10; turn += 1) expect(ask(leader, true).messages).toEqual([]);
  });

  it('forgets the question when it ceases to lead', () => {
    const leader = aHeardLeader();
    ask(leader);
    leader.step(anAcceptance({ from: 2, to: 1, term: leader.view.term + 1, match: 0 }));
    expect(leader.view.role).toBe('follower');
    expect(ask(leader, true).refused).toMatchObject({ reason: 'not-leader' });
  });
});

describe('a disk that was lost and not missed yet', () => {
  it('keeps the others from being removed', () => {
    const network = new Network({ nodes: 3 });
    network.elect(1);
    network.run(50);
    network.loseDisk(3);
    expect(changeMembers(network, 1, changeOf({ remove: [1, 2] }))?.refused).toMatchObject({ reason: 'too-few-voters', present: [1, 2] });
    network.restart(3);
    expect(network.runUntil(() => network.core(3).view.configuration.voters.includes(asNodeId(3)))).toBe(true);
    expect(network.leader()).toBe(1);
  });

  it('keeps others from leaving for a new one that has caught up', () => {
    const network = new Network({ nodes: 4, founders: [1, 2, 3], latencyMs: 1 });
    network.elect(1);
    network.run(50);
    network.crash(4);
    expect(changeMembers(network, 1, changeOf({ add: [4], remove: [1, 2] }))?.proposed).toBeDefined();
    network.run(100);
    network.loseDisk(3);
    network.restart(4);
    network.run(500);
    expect(network.core(1).view).toMatchObject({ role: 'leader', configuration: { voters: [1, 2, 3], joining: [4], leaving: [1, 2] } });
    network.restart(3);
    const isDone = () => network.core(4).view.configuration.voters.toSorted().join() === '3,4';
    expect(network.runUntil(isDone)).toBe(true);
    expect(network.electAny()).toBeGreaterThan(2);
  });

  it('does not hold up a request, while a step that follows by itself waits for its answer', () => {
    const network = new Network({ nodes: 6, founders: [1, 2, 3, 4, 5], latencyMs: 1 });
    network.elect(1);
    network.run(50);
    network.crash(6);
    changeMembers(network, 1, changeOf({ add: [6], remove: [1, 2, 3] }));
    network.run(100);
    for (const node of [4, 5]) network.loseDisk(node);
    network.restart(6);
    expect(network.runUntil(() => network.core(6).view.log.lastIndex === network.core(1).view.log.lastIndex)).toBe(true);
    const askedMs = network.now;
    expect(changeMembers(network, 1, changeOf({ remove: [5, 6] }))?.refused).toBeUndefined();
    expect(network.now - askedMs).toBeLessThan(TEST_CONFIG.heartbeatMs);
    network.run(50);
    expect(network.core(1).view.configuration).toMatchObject({ voters: [1, 2, 3, 4], outgoing: [], joining: [], leaving: [] });
  });
});
