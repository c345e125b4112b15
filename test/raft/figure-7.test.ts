import { describe, expect, it } from 'vitest';
import type { RaftMessage } from '../../src/raft/message.ts';
import type { TestCore } from './builders.ts';
import { aCandidate, aFollower, aVoteReply, logOf, messagesIn } from './builders.ts';

const LEADER_TERMS = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];

const FOLLOWERS: Readonly<Record<string, readonly number[]>> = {
  'a, which lacks an entry': [1, 1, 1, 4, 4, 5, 5, 6, 6],
  'b, which lacks many': [1, 1, 1, 4],
  'c, with an entry too many': [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
  'd, with entries of a later term': [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
  'e, with too many of an earlier term': [1, 1, 1, 4, 4, 4, 4],
  'f, which led terms 2 and 3': [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  'that is empty': [],
};

/** Exchanges messages between leader and follower until none is left. @returns their number. */
function converse(leader: TestCore, follower: TestCore, first: readonly RaftMessage[]): number {
  const onTheWay = first.filter((message) => message.to === follower.id);
  let count = 0;
  for (let message = onTheWay.shift(); message !== undefined; message = onTheWay.shift()) {
    count += 1;
    if (count > 100) throw new Error('leader and follower exchange messages without end');
    const receiver = message.to === leader.id ? leader : follower;
    const others = messagesIn(receiver.step(message)).filter(({ to }) => to === leader.id || to === follower.id);
    onTheWay.push(...others);
  }
  return count;
}

/** The leader of term 8 at the top of Figure 7, and its first messages. */
function theLeader(compactedTo = 0): { leader: TestCore; first: readonly RaftMessage[] } {
  const log = logOf(...LEADER_TERMS);
  const leader = aCandidate({
    term: 8,
    log: log.slice(compactedTo),
    compacted: log[compactedTo - 1] ?? { index: 0, term: 0 },
  });
  return { leader, first: leader.step(aVoteReply({ from: 3, term: 8 })).messages };
}

describe('a leader repairs the follower of Figure 7 (Raft §5.3)', () => {
  for (const [name, terms] of Object.entries(FOLLOWERS)) {
    it(name, () => {
      const { leader, first } = theLeader();
      const follower = aFollower({ id: 2, term: 7, log: logOf(...terms) });
      const messages = converse(leader, follower, first);
      expect(follower.terms).toEqual([...LEADER_TERMS, 8]);
      expect(leader.progressOf(2)).toMatchObject({ state: 'replicate', match: 11, next: 12 });
      expect(messages).toBeLessThanOrEqual(8);
    });
  }
});

describe('a leader whose log begins after the point of disagreement', () => {
  // Whatever the follower's log contains at or before the leader's compacted entry, the exchange ends and a snapshot is wanted.
  for (const [name, terms] of Object.entries(FOLLOWERS)) {
    for (const compactedTo of [5, 7, 9, 10]) {
      it(`finishes the exchange with follower ${name} after it compacted ${compactedTo} entries`, () => {
        const { leader, first } = theLeader(compactedTo);
        const follower = aFollower({ id: 2, term: 7, log: logOf(...terms) });
        converse(leader, follower, first);
        const holdsIt = terms.slice(0, compactedTo).join() === LEADER_TERMS.slice(0, compactedTo).join();
        expect(leader.progressOf(2).state).toBe(holdsIt ? 'replicate' : 'snapshot');
        if (holdsIt) expect(follower.terms).toEqual([...LEADER_TERMS, 8]);
      });
    }
  }
});
