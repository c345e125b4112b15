import { describe, expect, it } from 'vitest';
import { aFollower, anAppend, anEstablishedLeader, appendsIn, aVoteRequest, messagesIn, repliesIn, TEST_CONFIG } from './builders.ts';

const { heartbeatMs, electionTimeoutMs } = TEST_CONFIG;

describe('a follower that did not run when its election timeout passed', () => {
  it('waits once more, for the time of a heartbeat, and then campaigns', () => {
    const follower = aFollower({ leader: 2 });
    expect(messagesIn(follower.reachDeadlineLate(electionTimeoutMs))).toEqual([]);
    expect(follower.view.role).toBe('follower');
    const waitMs = follower.core.nextDeadlineMs - follower.now;
    expect(waitMs).toBeGreaterThanOrEqual(heartbeatMs);
    expect(waitMs).toBeLessThan(2 * heartbeatMs);
    follower.reachDeadlineLate(heartbeatMs);
    expect(follower.view.role).toBe('pre-candidate');
  });

  it('waits again after a message of a leader', () => {
    const follower = aFollower({ leader: 2 });
    follower.reachDeadlineLate(electionTimeoutMs);
    follower.step(anAppend({ from: 2, term: follower.view.term }));
    follower.reachDeadlineLate(electionTimeoutMs);
    expect(follower.view.role).toBe('follower');
  });

  it('does not wait for a leader whose channel has closed', () => {
    const follower = aFollower({ leader: 2 });
    follower.losePeer(2);
    follower.reachDeadlineLate(heartbeatMs);
    expect(follower.view.role).toBe('pre-candidate');
  });

  it('does not wait after a short delay that was not reported to it', () => {
    const follower = aFollower({ leader: 2 });
    follower.reachDeadline();
    expect(follower.view.role).toBe('pre-candidate');
  });
});

describe('a follower whose turns take long while its leader is silent', () => {
  it('does not count their time as silence', () => {
    const follower = aFollower({ leader: 2 });
    const dueMs = follower.core.nextDeadlineMs;
    for (let turns = 0; turns < 4; turns += 1) follower.beAway(heartbeatMs / 4);
    expect(follower.core.nextDeadlineMs).toBe(dueMs + heartbeatMs);
  });

  it('campaigns once it has excused an election timeout', () => {
    const follower = aFollower({ leader: 2 });
    const dueMs = follower.core.nextDeadlineMs;
    for (let turns = 0; turns < 100; turns += 1) follower.beAway(heartbeatMs / 4);
    expect(follower.core.nextDeadlineMs).toBe(dueMs + electionTimeoutMs);
    follower.reachDeadline();
    expect(follower.view.role).toBe('pre-candidate');
  });

  it('does not campaign in the middle of one: messages that arrived meanwhile are not read yet', () => {
    const follower = aFollower({ leader: 2 });
    const readMs = follower.now;
    follower.advance(4 * electionTimeoutMs);
    follower.core.step({ type: 'deadline', now: follower.now, readMs });
    expect(follower.view.role).toBe('follower');
    follower.reachDeadline();
    expect(follower.view.role).toBe('pre-candidate');
  });

  it('does not vote against it either', () => {
    const replyAfter = (wait: (follower: ReturnType<typeof aFollower>) => void): boolean[] => {
      const follower = aFollower({ leader: 2 });
      wait(follower);
      const request = aVoteRequest({ from: 3, term: follower.view.term + 1, last: { index: 9, term: 1 }, preVote: true });
      return repliesIn(follower.step(request)).map((reply) => 'granted' in reply && reply.granted);
    };
    expect(replyAfter((follower) => follower.advance(electionTimeoutMs))).toEqual([true]);
    expect(replyAfter((follower) => follower.beAway(electionTimeoutMs))).toEqual([false]);
  });
});

describe('a leader that did not run', () => {
  it('contacts its followers before it counts them as lost, and only for the time that it missed', () => {
    const leader = anEstablishedLeader();
    const heartbeats = appendsIn(leader.reachDeadlineLate(2 * electionTimeoutMs));
    expect(leader.view.role).toBe('leader');
    expect(heartbeats.map(({ to }) => to)).toEqual([2, 3]);
    const sinceMs = leader.now;
    for (let beats = 0; leader.view.role === 'leader' && beats < 100; beats += 1) leader.reachDeadline();
    expect(leader.view.role).toBe('follower');
    expect(leader.now - sinceMs).toBeLessThanOrEqual(electionTimeoutMs + heartbeatMs);
  });

  it('counts peers with unread messages as active', () => {
    const leader = anEstablishedLeader();
    leader.advance(2 * electionTimeoutMs);
    leader.reachDeadlineLate(0, [3]);
    expect(leader.view.role).toBe('leader');
    leader.reachDeadline();
    expect(leader.view.role).toBe('follower');
  });
});

describe('a leader whose turns take long while its followers are silent', () => {
  /** @returns how long it leads, in ms. */
  function leadingTimeMs(turnMs: number): number {
    const leader = anEstablishedLeader();
    const sinceMs = leader.now;
    for (let turns = 0; leader.view.role === 'leader' && turns < 1_000; turns += 1) {
      leader.beAway(turnMs);
      if (leader.now >= leader.core.nextDeadlineMs) leader.reachDeadline();
    }
    return leader.now - sinceMs;
  }

  it('excuses their time, up to an election timeout', () => {
    expect(leadingTimeMs(heartbeatMs / 4)).toBeGreaterThan(2 * electionTimeoutMs);
    expect(leadingTimeMs(heartbeatMs / 4)).toBeLessThanOrEqual(2 * electionTimeoutMs + 2 * heartbeatMs);
  });

  it('steps down in the end, however long each of them takes', () => {
    expect(leadingTimeMs(3 * electionTimeoutMs)).toBeLessThanOrEqual(8 * electionTimeoutMs);
  });
});

describe('a leader in the middle of a long turn', () => {
  it('sends heartbeats to peers that were sent nothing for half an interval, and does not judge silence', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    expect(appendsIn(leader.beat())).toEqual([]);
    leader.advance(2 * electionTimeoutMs);
    expect(appendsIn(leader.beat()).map(({ to, entries }) => [to, entries.length])).toEqual([
      [2, 0],
      [3, 0],
    ]);
    expect(appendsIn(leader.beat())).toEqual([]);
    expect(leader.view.role).toBe('leader');
  });

  it('does not count silence since it last read its messages', () => {
    const leader = anEstablishedLeader();
    const readMs = leader.now;
    leader.advance(2 * electionTimeoutMs);
    leader.core.step({ type: 'deadline', now: leader.now, readMs });
    expect(leader.view.role).toBe('leader');
    leader.core.step({ type: 'deadline', now: leader.now + heartbeatMs, readMs: leader.now });
    expect(leader.view.role).toBe('follower');
  });

  it('sends no heartbeats once it does not lead', () => {
    const follower = aFollower({ leader: 2 });
    follower.advance(2 * electionTimeoutMs);
    expect(messagesIn(follower.beat())).toEqual([]);
    expect(follower.view.role).toBe('follower');
  });
});
