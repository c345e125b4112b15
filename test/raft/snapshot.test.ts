import { describe, expect, it } from 'vitest';
import type { TestCore } from './builders.ts';
import {
  aCandidate,
  aFollower,
  aLeader,
  anAppend,
  anEstablishedLeader,
  appendsIn,
  aRejection,
  aSnapshotChunk,
  aSnapshotReply,
  indexesOf,
  logOf,
  messagesIn,
  repliesIn,
  TEST_CONFIG,
} from './builders.ts';
import { Network } from './network.ts';

/** A leader of term 2 with entries 5 to 9 (9 its no-op) and the rest compacted away; node 3 follows, node 2 rejected its probe. */
function aLeaderThatSendsASnapshot(): TestCore {
  const leader = aLeader({ term: 2, compacted: { index: 4, term: 1 }, log: logOf(1, 1, 1, 1, 1, 1, 1, 1).slice(4) });
  leader.acknowledge(3, 9);
  const effects = leader.step(aRejection({ from: 2, term: 2, rejected: 8, hint: { index: 2, term: 1 } }));
  expect(effects.snapshotsWanted).toEqual([2]);
  return leader;
}

describe('a follower whose next entries are compacted away (Raft §7)', () => {
  it('is sent a snapshot, which is requested once', () => {
    const leader = aLeaderThatSendsASnapshot();
    expect(leader.progressOf(2).state).toBe('snapshot');
    const effects = leader.propose();
    expect(effects.snapshotsWanted).toEqual([]);
    expect(appendsIn(effects).map((message) => message.to)).toEqual([3]);
  });

  it('still receives heartbeats, which match any log', () => {
    const leader = aLeaderThatSendsASnapshot();
    leader.advance(TEST_CONFIG.heartbeatMs);
    const [beat] = appendsIn(leader.reachDeadline()).filter((message) => message.to === 2);
    expect(beat).toMatchObject({ prev: { index: 0, term: 0 }, entries: [] });
    const follower = aFollower({ id: 2, term: 2, log: logOf(1, 1) });
    if (beat !== undefined) expect(repliesIn(follower.step(beat))).toMatchObject([{ type: 'append-accepted', match: 0 }]);
  });

  it('ignores its earlier rejections and acceptances', () => {
    const leader = aLeaderThatSendsASnapshot();
    expect(messagesIn(leader.step(aRejection({ from: 2, term: 2, rejected: 7, hint: { index: 1, term: 1 } })))).toEqual([]);
    const effects = leader.acknowledge(2, 2);
    expect(effects.snapshotsWanted).toEqual([]);
    expect(leader.progressOf(2).state).toBe('snapshot');
  });

  it('receives the entries after the snapshot once it has installed it', () => {
    const leader = aLeaderThatSendsASnapshot();
    const effects = leader.acknowledge(2, 6);
    expect(leader.progressOf(2)).toMatchObject({ state: 'replicate', match: 6 });
    expect(appendsIn(effects).map((message) => [message.to, indexesOf(message)])).toEqual([[2, [7, 8, 9]]]);
  });

  it('needs no snapshot if it has the last compacted entry', () => {
    const leader = aLeader({ term: 2, compacted: { index: 4, term: 1 }, log: logOf(1, 1, 1, 1, 1, 1).slice(4) });
    const effects = leader.step(aRejection({ from: 2, term: 2, rejected: 6, hint: { index: 4, term: 1 } }));
    expect(effects.snapshotsWanted).toEqual([]);
    expect(appendsIn(effects).map((message) => [message.prev.index, indexesOf(message)])).toEqual([[4, [5, 6, 7]]]);
  });

  it('is sent another when compaction has meanwhile passed the first: two in a row', () => {
    const leader = aLeaderThatSendsASnapshot();
    leader.compact(8);
    const effects = leader.acknowledge(2, 4);
    expect(effects.snapshotsWanted).toEqual([2]);
    expect(leader.progressOf(2).state).toBe('snapshot');
    leader.acknowledge(2, 8);
    expect(leader.progressOf(2).state).toBe('replicate');
  });

  it('is sent another when it replies after its channel closed', () => {
    const leader = aLeaderThatSendsASnapshot();
    leader.losePeer(2);
    expect(leader.progressOf(2).state).toBe('probe');
    leader.advance(TEST_CONFIG.heartbeatMs);
    leader.reachDeadline();
    expect(leader.acknowledge(2, 2).snapshotsWanted).toEqual([2]);
  });

  it('is sent one when its full window opens again after a compaction', () => {
    const leader = anEstablishedLeader({ term: 2, config: { inflightMessagesMax: 1 } });
    for (let count = 0; count < 4; count += 1) leader.propose();
    leader.persist();
    // Node 3 acknowledges all, node 2 nothing since the first.
    for (const match of [2, 5]) leader.acknowledge(3, match);
    leader.compact(4);
    expect(leader.acknowledge(2, 2).snapshotsWanted).toEqual([2]);
  });

  it('is sent one with the next reply when its whole window was lost while compaction passed it', () => {
    const leader = anEstablishedLeader({ term: 2, config: { inflightMessagesMax: 1 } });
    for (let count = 0; count < 4; count += 1) leader.propose();
    leader.persist();
    for (const match of [2, 5]) leader.acknowledge(3, match);
    leader.compact(4);
    leader.advance(TEST_CONFIG.heartbeatMs);
    expect(appendsIn(leader.reachDeadline()).find(({ to }) => to === 2)).toMatchObject({ prev: { index: 0 }, entries: [] });
    expect(leader.acknowledge(2, 1).snapshotsWanted).toEqual([2]);
  });

  it('passes its replies about chunks to the sender of the snapshot', () => {
    const leader = aLeaderThatSendsASnapshot();
    const reply = aSnapshotReply({ from: 2, term: 2, snapshot: { index: 8, term: 1 }, nextChunk: 3 });
    expect(leader.step(reply).snapshotReply).toBe(reply);
    expect(aCandidate({ term: 2 }).step(reply).snapshotReply).toBeUndefined();
  });
});

describe('a follower that receives a snapshot (Raft Figure 13)', () => {
  it('passes each chunk to the runtime, which replies', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1) });
    const chunk = aSnapshotChunk({ term: 2, snapshot: { index: 8, term: 1 }, chunk: 0, done: false });
    const effects = follower.step(chunk);
    expect(effects.snapshotChunk).toBe(chunk);
    expect(messagesIn(effects)).toEqual([]);
    expect(follower.terms).toEqual([1, 1]);
  });

  it('follows its sender, and restarts its election timer', () => {
    const candidate = aCandidate({ term: 2 });
    candidate.step(aSnapshotChunk({ from: 3, term: 2, snapshot: { index: 8, term: 1 } }));
    expect(candidate.view).toMatchObject({ role: 'follower', leader: 3 });
    expect(candidate.core.nextDeadlineMs).toBeGreaterThanOrEqual(candidate.now + TEST_CONFIG.electionTimeoutMs);
  });

  it('rejects it in a stale term, with its own', () => {
    const effects = aFollower({ term: 3 }).step(aSnapshotChunk({ term: 2, snapshot: { index: 8, term: 1 } }));
    expect(effects.snapshotChunk).toBeUndefined();
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-rejected', to: 2, term: 3 }]);
  });

  it('replies with its commit index if it has committed everything in it', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1, 1), commit: 3 });
    const effects = follower.step(aSnapshotChunk({ term: 2, snapshot: { index: 2, term: 1 } }));
    expect(effects.snapshotChunk).toBeUndefined();
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', match: 3 }]);
  });

  it('keeps its log if it has the snapshot’s last entry: the entries after it may have been acknowledged', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1, 1, 2, 2), commit: 1 });
    const effects = follower.step(aSnapshotChunk({ term: 2, snapshot: { index: 3, term: 1 } }));
    expect(effects.snapshotChunk).toBeUndefined();
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', match: 3 }]);
    expect(effects.commit).toBe(3);
    expect(follower.terms).toEqual([1, 1, 1, 2, 2]);
  });

  it('replaces its log, commit index and configuration once it is installed, and acknowledges', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1), leader: 2 });
    const effects = follower.snapshotInstalled({ index: 8, term: 2 }, [1, 2, 3, 4]);
    expect(effects.commit).toBe(8);
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', to: 2, match: 8 }]);
    expect(follower.view.log).toMatchObject({ compacted: { index: 8, term: 2 }, lastIndex: 8, persisted: 8 });
    expect(follower.view.configuration.voters).toEqual([1, 2, 3, 4]);
  });

  it('requests votes from the nodes of the snapshot’s configuration', () => {
    const follower = aFollower({ term: 2, leader: 2 });
    follower.snapshotInstalled({ index: 8, term: 2 }, [1, 3, 4, 5]);
    expect(follower.reachDeadline().messages.map((message) => message.to)).toEqual([3, 4, 5]);
  });

  it('appends the entries after it', () => {
    const follower = aFollower({ term: 2, leader: 2 });
    follower.snapshotInstalled({ index: 8, term: 2 });
    const effects = follower.step(anAppend({ term: 2, prev: { index: 8, term: 2 }, entries: [{ index: 9, term: 2 }], commit: 9 }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', match: 9 }]);
    expect(follower.view.commit).toBe(9);
  });

  it('breaks an invariant if it is before its commit index', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1), commit: 2 });
    expect(() => follower.snapshotInstalled({ index: 2, term: 1 })).toThrow(/installed behind the commit index/);
  });
});

describe('a node that was away for long', () => {
  it('catches up by a snapshot and the entries after it', () => {
    const network = new Network({ nodes: 3, seed: 6, latencyMs: 1 });
    const leader = network.electAny();
    const away = network.ids.find((id) => id !== leader) ?? 0;
    network.crash(away);
    for (let value = 0; value < 20; value += 1) {
      network.propose(leader, value);
      network.run(5);
    }
    network.compact(leader, 15);
    network.restart(away);
    network.run(200);
    const { log, commit } = network.core(away).view;
    expect(log.compacted.index).toBe(15);
    expect(log.lastIndex).toBe(21);
    expect(commit).toBe(21);
    expect(network.core(leader).view.leading?.progress.get(network.core(away).view.id)?.state).toBe('replicate');
  });
});
