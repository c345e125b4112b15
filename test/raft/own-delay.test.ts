import { describe, expect, it } from 'vitest';
import { aFollower, anAppend, anEstablishedLeader, appendsIn, messagesIn, TEST_CONFIG } from './builders.ts';

const { heartbeatMs, electionTimeoutMs } = TEST_CONFIG;

describe('a follower that did not run when its election timeout passed', () => {
  it('waits once more, for as long as a heartbeat takes, and then asks for votes', () => {
    const follower = aFollower({ leader: 2 });
    expect(messagesIn(follower.reachDeadlineLate(heartbeatMs))).toEqual([]);
    expect(follower.view.role).toBe('follower');
    const waitMs = follower.core.nextDeadlineMs - follower.now;
    expect(waitMs).toBeGreaterThanOrEqual(heartbeatMs);
    expect(waitMs).toBeLessThan(2 * heartbeatMs);
    follower.reachDeadlineLate(heartbeatMs);
    expect(follower.view.role).toBe('pre-candidate');
  });

  it('waits again after it has heard a leader', () => {
    const follower = aFollower({ leader: 2 });
    follower.reachDeadlineLate(heartbeatMs);
    follower.step(anAppend({ from: 2, term: follower.view.term }));
    follower.reachDeadlineLate(heartbeatMs);
    expect(follower.view.role).toBe('follower');
  });

  it('does not wait for a leader whose channel has closed', () => {
    const follower = aFollower({ leader: 2 });
    follower.losePeer(2);
    follower.reachDeadlineLate(heartbeatMs);
    expect(follower.view.role).toBe('pre-candidate');
  });

  it('does not wait for the sake of a short delay', () => {
    const follower = aFollower({ leader: 2 });
    follower.reachDeadlineLate(heartbeatMs / 4);
    expect(follower.view.role).toBe('pre-candidate');
  });
});

describe('a leader that did not run', () => {
  it('asks its followers before it counts them as lost, and does so only for the time that it missed', () => {
    const leader = anEstablishedLeader();
    const heartbeats = appendsIn(leader.reachDeadlineLate(2 * electionTimeoutMs));
    expect(leader.view.role).toBe('leader');
    expect(heartbeats.map(({ to }) => to)).toEqual([2, 3]);
    const sinceMs = leader.now;
    for (let beats = 0; leader.view.role === 'leader' && beats < 100; beats += 1) leader.reachDeadline();
    expect(leader.view.role).toBe('follower');
    expect(leader.now - sinceMs).toBeLessThanOrEqual(electionTimeoutMs + heartbeatMs);
  });

  it('counts those as heard whose messages lie there unread', () => {
    const leader = anEstablishedLeader();
    leader.advance(2 * electionTimeoutMs);
    leader.reachDeadlineLate(0, [3]);
    expect(leader.view.role).toBe('leader');
    leader.reachDeadline();
    expect(leader.view.role).toBe('follower');
  });
});
