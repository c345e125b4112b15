import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import type { Effects } from '../../src/raft/effects.ts';
import { anAcceptance, anEstablishedLeader, TEST_CONFIG, type TestCore } from './builders.ts';
import { changeMembers, changeOf } from './change-members.ts';
import { Network } from './network.ts';

describe('a leader that is asked to remove voters', () => {
  const ask = (leader: TestCore, isRepeated = false, remove = [1, 2]): Effects =>
    leader.core.step({ type: 'change-membership', now: leader.now, change: changeOf({ remove }), isRepeated });

  /** These peers of the leader reply in its latest heartbeat round. */
  const reply = (leader: TestCore, peers: readonly number[], asked: Effects): void => {
    for (const message of asked.messages) {
      if (message.type !== 'append' || !peers.includes(message.to)) continue;
      const { match } = leader.progressOf(message.to);
      leader.step(anAcceptance({ from: message.to, to: leader.id, term: leader.view.term, match, round: message.round }));
    }
  };

  function aLeaderWithContact(): TestCore {
    const leader = anEstablishedLeader();
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    return leader;
  }

  it('does not count replies from before the request', () => {
    const leader = aLeaderWithContact();
    expect(ask(leader).rejected).toEqual({ reason: 'voters-asked', voters: [1, 2, 3] });
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    expect(ask(leader, true).rejected).toMatchObject({ reason: 'voters-asked' });
  });

  it('removes them once the voters needed before and after have replied', () => {
    const leader = aLeaderWithContact();
    const asked = ask(leader);
    reply(leader, [2], asked);
    expect(ask(leader, true).rejected).toMatchObject({ reason: 'voters-asked' });
    reply(leader, [3], asked);
    expect(ask(leader, true).proposed).toBeDefined();
    expect(leader.view.configuration).toMatchObject({ voters: [3], outgoing: [1, 2, 3] });
  });

  it('asks again for a later request, even for the same change', () => {
    const leader = aLeaderWithContact();
    reply(leader, [2, 3], ask(leader));
    expect(ask(leader).rejected).toMatchObject({ reason: 'voters-asked' });
  });

  it('counts a reply that takes longer than an election timeout, from a voter that is not silent', () => {
    const leader = aLeaderWithContact();
    const asked = ask(leader);
    for (let ms = 0; ms < 2 * TEST_CONFIG.electionTimeoutMs; ms += TEST_CONFIG.heartbeatMs) {
      leader.advance(TEST_CONFIG.heartbeatMs);
      for (const peer of [2, 3]) leader.acknowledge(peer, 1);
      expect(ask(leader, true).rejected).toMatchObject({ reason: 'voters-asked' });
    }
    reply(leader, [2, 3], asked);
    expect(ask(leader, true).proposed).toBeDefined();
  });

  it('rejects the change at once when they are silent for an election timeout', () => {
    const leader = aLeaderWithContact();
    reply(leader, [2], ask(leader));
    leader.advance(TEST_CONFIG.electionTimeoutMs + 1);
    leader.acknowledge(2, 1);
    expect(ask(leader, true).rejected).toEqual({ reason: 'too-few-voters', present: [1, 2], voters: [1, 2, 3] });
  });

  it('rejects it in the end when voters that send messages do not reply to the round', () => {
    const leader = aLeaderWithContact();
    reply(leader, [2], ask(leader));
    leader.advance(6 * TEST_CONFIG.electionTimeoutMs + 1);
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    expect(ask(leader, true).rejected).toEqual({ reason: 'too-few-voters', present: [1, 2], voters: [1, 2, 3] });
  });

  it('decides by replies that it read late', () => {
    const leader = aLeaderWithContact();
    reply(leader, [2, 3], ask(leader));
    leader.advance(5 * TEST_CONFIG.electionTimeoutMs);
    for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    expect(ask(leader, true).proposed).toBeDefined();
  });

  it('allows no disk to be discarded meanwhile that the change may need', () => {
    const leader = aLeaderWithContact();
    const mayRebuild = () => leader.core.step({ type: 'rebuild', now: leader.now, node: asNodeId(3), question: 1 }).rejected;
    ask(leader, false, [2]);
    expect(mayRebuild()).toEqual({ reason: 'change-pending' });
    leader.advance(TEST_CONFIG.electionTimeoutMs + 1);
    expect(ask(leader, true, [2]).rejected).toMatchObject({ reason: 'too-few-voters' });
    expect(mayRebuild()).toMatchObject({ reason: 'too-few-copies' });
  });

  it('asks again after an aborted leadership transfer', () => {
    const leader = aLeaderWithContact();
    reply(leader, [2, 3], ask(leader));
    const to = asNodeId(2);
    expect(leader.core.step({ type: 'transfer-leadership', now: leader.now, to }).rejected).toBeUndefined();
    expect(ask(leader, true).rejected).toEqual({ reason: 'transferring', to });
    for (let ms = 0; ms < 2 * TEST_CONFIG.electionTimeoutMs; ms += TEST_CONFIG.heartbeatMs) {
      leader.reachDeadline();
      for (const peer of [2, 3]) leader.acknowledge(peer, 1);
    }
    expect(leader.view).toMatchObject({ role: 'leader', leading: { transfer: undefined } });
    expect(ask(leader, true).rejected).toMatchObject({ reason: 'voters-asked' });
  });

  it('sends heartbeats once for each request, however often it is repeated', () => {
    const leader = aLeaderWithContact();
    expect(ask(leader).messages).toHaveLength(2);
    for (let turn = 0; turn < 10; turn += 1) expect(ask(leader, true).messages).toEqual([]);
  });

  it('drops the request when it ceases to lead', () => {
    const leader = aLeaderWithContact();
    ask(leader);
    leader.step(anAcceptance({ from: 2, to: 1, term: leader.view.term + 1, match: 0 }));
    expect(leader.view.role).toBe('follower');
    expect(ask(leader, true).rejected).toMatchObject({ reason: 'not-leader' });
  });
});

describe('a lost disk whose loss is not noticed yet', () => {
  it('prevents the removal of the others', () => {
    const network = new Network({ nodes: 3 });
    network.elect(1);
    network.run(50);
    network.loseDisk(3);
    expect(changeMembers(network, 1, changeOf({ remove: [1, 2] }))?.rejected).toMatchObject({ reason: 'too-few-voters', present: [1, 2] });
    network.restart(3);
    expect(network.runUntil(() => network.core(3).view.configuration.voters.includes(asNodeId(3)))).toBe(true);
    expect(network.leader()).toBe(1);
  });

  it('prevents the replacement of others by a new node that has caught up', () => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3], latencyMs: 1 });
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

  it.each([
    ['cancelled that and asks again', true],
    ['asks for the same again', false],
  ])('prevents the replacement of others by a new node, when the operator %s', (_, isTakenBack) => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3], latencyMs: 1 });
    network.elect(1);
    network.run(50);
    network.isolate(4);
    const replacement = changeOf({ add: [4], remove: [1, 2] });
    changeMembers(network, 1, replacement);
    network.run(100);
    network.heal();
    const { view } = network.core(1);
    // The others are asked in the same step.
    expect(network.runUntil(() => view.leading?.progress.get(asNodeId(4))?.isCaughtUp === true)).toBe(true);
    network.isolate(4);
    network.run(5);
    if (isTakenBack) expect(changeMembers(network, 1, changeOf({ remove: [4] }))?.proposed).toBeDefined();
    network.run(5);
    network.loseDisk(3);
    network.drop(({ from }) => from === 3);
    network.heal();
    expect(changeMembers(network, 1, replacement)?.proposed).toBeDefined();
    network.run(300);
    expect(view).toMatchObject({ role: 'leader', configuration: { outgoing: [], joining: [4] } });
    network.restart(3);
    expect(network.runUntil(() => network.core(4).view.configuration.voters.toSorted().join() === '3,4')).toBe(true);
  });

  it('does not delay a request while an automatic step waits for its reply', () => {
    const network = new Network({ nodes: 6, initialVoters: [1, 2, 3, 4, 5], latencyMs: 1 });
    network.elect(1);
    network.run(50);
    network.crash(6);
    changeMembers(network, 1, changeOf({ add: [6], remove: [1, 2, 3] }));
    network.run(100);
    for (const node of [4, 5]) network.loseDisk(node);
    network.restart(6);
    expect(network.runUntil(() => network.core(6).view.log.lastIndex === network.core(1).view.log.lastIndex)).toBe(true);
    const askedMs = network.now;
    expect(changeMembers(network, 1, changeOf({ remove: [5, 6] }))?.rejected).toBeUndefined();
    expect(network.now - askedMs).toBeLessThan(TEST_CONFIG.heartbeatMs);
    network.run(50);
    expect(network.core(1).view.configuration).toMatchObject({ voters: [1, 2, 3, 4], outgoing: [], joining: [], leaving: [] });
  });
});

describe('a leader whose next step waits for a voter', () => {
  it('continues with it once that voter replies, even after a silence of more than an election timeout', () => {
    const leader = anEstablishedLeader();
    leader.acknowledge(3, 1);
    expect(leader.changeMembers(changeOf({ add: [4], remove: [2] })).proposed).toBeDefined();
    leader.persist();
    for (const peer of [2, 4]) leader.acknowledge(peer, 2);
    expect(leader.progressOf(4).isCaughtUp).toBe(true);
    expect(leader.view.configuration).toMatchObject({ voters: [1, 2, 3], joining: [4], leaving: [2] });
    let latest = 0;
    for (let ms = 0; ms < 2.5 * TEST_CONFIG.electionTimeoutMs; ms += TEST_CONFIG.heartbeatMs) {
      for (const message of leader.reachDeadline().messages) if (message.type === 'append') latest = Math.max(latest, message.round);
      leader.step(anAcceptance({ from: 2, to: 1, term: leader.view.term, match: 2, round: latest }));
    }
    // It replies to the messages that it received meanwhile, one after the other.
    leader.step(anAcceptance({ from: 3, to: 1, term: leader.view.term, match: 2, round: latest - 3 }));
    expect(leader.view.configuration).toMatchObject({ voters: [1, 3, 4], outgoing: [1, 2, 3], joining: [], leaving: [] });
  });
});

describe('where a reply takes longer than an election timeout', () => {
  /** Longer by less than a heartbeat interval: a candidate's first heartbeats are answered in time. */
  const latencyMs = TEST_CONFIG.electionTimeoutMs / 2 + 2;

  function aSlowNetwork(nodes: number, initialVoters: readonly number[]): Network {
    const network = new Network({ nodes, initialVoters, latencyMs });
    network.elect(1);
    network.run(1_000);
    return network;
  }

  it('a voter that lost its disk becomes a voter again', () => {
    const network = aSlowNetwork(3, [1, 2, 3]);
    network.loseDisk(2);
    network.restart(2);
    const isBack = (): boolean => {
      const { configurations, commit } = network.core(1).view;
      const { voters, disks } = configurations.at(commit).configuration;
      return voters.length === 3 && disks.some(({ node, disk }) => node === 2 && disk === network.disk(2).id);
    };
    expect(network.runUntil(isBack)).toBe(true);
    expect(network.leader()).toBe(1);
  });

  it('a request is decided while an automatic step waits, too', () => {
    const network = aSlowNetwork(5, [1, 2, 3, 4]);
    changeMembers(network, 1, changeOf({ add: [5] }));
    network.run(600);
    const askedMs = network.now;
    expect(changeMembers(network, 1, changeOf({ remove: [4] }))?.proposed).toBeDefined();
    expect(network.now - askedMs).toBe(2 * latencyMs);
  });
});
