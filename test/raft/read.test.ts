import { describe, expect, it } from 'vitest';
import { aCore, aFollower, aLeader, anAcceptance, anAppend, anEstablishedLeader, appendsIn, aVoteRequest, repliesIn } from './builders.ts';

type Core = ReturnType<typeof aLeader>;

const read = (core: Core, batch: number, lease = false) => core.core.step({ type: 'read', now: core.now, batch, lease });
const reply = (core: Core, from: number, round: number) =>
  core.step(anAcceptance({ from, to: core.id, term: core.view.term, match: core.view.log.lastIndex, round }));
const roundIn = (effects: ReturnType<typeof read>) => appendsIn(effects)[0]?.round ?? -1;

describe('a linearizable read (ReadIndex, thesis §6.4)', () => {
  it('is served once a majority replied to a round that began after it', () => {
    const leader = anEstablishedLeader();
    const asked = read(leader, 1);
    expect(asked.readable).toEqual([]);
    expect(appendsIn(asked).map(({ to }) => to)).toEqual([2, 3]);
    expect(reply(leader, 2, roundIn(asked)).readable).toEqual([{ batch: 1, index: 1 }]);
  });

  it('is not served by replies to earlier rounds', () => {
    const leader = anEstablishedLeader();
    const asked = read(leader, 1);
    expect(reply(leader, 2, roundIn(asked) - 1).readable).toEqual([]);
    expect(reply(leader, 3, roundIn(asked) - 1).readable).toEqual([]);
  });

  it('is not served before the leader has committed an entry of its own term', () => {
    const leader = aLeader();
    read(leader, 1);
    const early = roundIn(leader.reachDeadline());
    leader.step(anAcceptance({ from: 2, to: 1, term: leader.view.term, match: 0, round: early }));
    expect(leader.view.commit).toBe(0);
    const committed = reply(leader, 2, early);
    expect(leader.view.commit).toBe(1);
    // Its round begins only now.
    expect(committed.readable).toEqual([]);
    expect(reply(leader, 2, roundIn(committed)).readable).toEqual([{ batch: 1, index: 1 }]);
  });

  it('sees everything that was committed when it came', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.persist();
    leader.acknowledge(2, 2);
    const asked = read(leader, 1);
    expect(reply(leader, 3, roundIn(asked)).readable).toEqual([{ batch: 1, index: 2 }]);
  });

  it('shares a round with others: one is in progress at a time', () => {
    const leader = anEstablishedLeader();
    const first = read(leader, 1);
    expect(appendsIn(read(leader, 2))).toEqual([]);
    expect(appendsIn(read(leader, 3))).toEqual([]);
    const answered = reply(leader, 2, roundIn(first));
    expect(answered.readable).toEqual([{ batch: 1, index: 1 }]);
    const second = reply(leader, 2, roundIn(answered));
    expect(second.readable.map(({ batch }) => batch)).toEqual([2, 3]);
  });

  it('whose round was lost is served by a later one', () => {
    const leader = anEstablishedLeader();
    read(leader, 1);
    const later = roundIn(leader.reachDeadline());
    expect(reply(leader, 3, later).readable).toEqual([{ batch: 1, index: 1 }]);
  });

  it('is rejected by a follower, which names the leader', () => {
    expect(read(aFollower({ id: 2, leader: 1 }), 1).rejected).toEqual({ reason: 'not-leader', leader: 1 });
  });

  it('is never served by a leader that was deposed', () => {
    const leader = anEstablishedLeader();
    const asked = read(leader, 1);
    leader.step(anAppend({ from: 3, to: 1, term: leader.view.term + 1 }));
    expect(reply(leader, 2, roundIn(asked)).readable).toEqual([]);
  });

  it('is served at once by a single voter', () => {
    const single = aCore({ voters: [1] });
    single.reachDeadline();
    single.persist();
    expect(read(single, 1).readable).toEqual([{ batch: 1, index: 1 }]);
  });

  it('needs both majorities while the configuration is joint', () => {
    const leader = anEstablishedLeader({ voters: [1, 2, 3] });
    leader.changeMembers({ add: [], remove: [2 as never], learners: [] });
    expect(leader.view.configuration.outgoing).toHaveLength(3);
    const asked = read(leader, 1);
    expect(reply(leader, 2, roundIn(asked)).readable).toEqual([]);
    expect(reply(leader, 3, roundIn(asked)).readable).toHaveLength(1);
  });
});

describe('a lease read (thesis §6.4.1)', () => {
  const config = { leaseMs: 60 };

  function aLeaseHolder(): Core {
    const leader = anEstablishedLeader({ config });
    const round = roundIn(leader.reachDeadline());
    reply(leader, 2, round);
    return leader;
  }

  it('is served at once while a majority replied recently', () => {
    expect(read(aLeaseHolder(), 1, true).readable).toEqual([{ batch: 1, index: 1 }]);
  });

  it('counts from the start of the round, not from the replies', () => {
    const leader = anEstablishedLeader({ config });
    const round = roundIn(leader.reachDeadline());
    leader.advance(59);
    reply(leader, 2, round);
    expect(read(leader, 1, true).readable).toHaveLength(1);
    leader.advance(1);
    expect(read(leader, 2, true).readable).toEqual([]);
  });

  it('becomes a ReadIndex once the lease is over, as after a pause of the event loop', () => {
    const leader = aLeaseHolder();
    leader.advance(5_000);
    const asked = read(leader, 1, true);
    expect(asked.readable).toEqual([]);
    expect(appendsIn(asked)).toHaveLength(2);
  });

  it('is not served without the option', () => {
    const leader = anEstablishedLeader();
    reply(leader, 2, roundIn(leader.reachDeadline()));
    expect(read(leader, 1, true).readable).toEqual([]);
  });

  it('becomes a ReadIndex for the rest of the term once another node was asked to lead', () => {
    const leader = aLeaseHolder();
    leader.core.step({ type: 'transfer-leadership', now: leader.now, to: 2 as never });
    expect(read(leader, 1, true).readable).toEqual([]);
  });

  it('is safe since followers reject votes after contact with the leader, even if its channel closed', () => {
    const follower = aFollower({ id: 2, leader: 1, config });
    follower.losePeer(1);
    follower.advance(99);
    expect(repliesIn(follower.step(aVoteRequest({ from: 3, to: 2, term: 2 })))).toMatchObject([{ granted: false }]);
  });

  it('is safe since nodes reject votes right after they started', () => {
    const follower = aCore({ id: 2, config, now: 1_000 });
    expect(repliesIn(follower.step(aVoteRequest({ from: 3, to: 2, term: 2 })))).toMatchObject([{ granted: false }]);
    follower.advance(100);
    expect(repliesIn(follower.step(aVoteRequest({ from: 3, to: 2, term: 2 })))).toMatchObject([{ granted: true }]);
  });
});
