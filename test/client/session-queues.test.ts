import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Batch } from '../../src/client/delivery/batch.ts';
import { SessionQueues } from '../../src/client/delivery/session-queues.ts';
import type { ReadConsistency } from '../../src/protocol/client-frame.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';

function aBatch(consistency?: ReadConsistency): Batch {
  const encoder = new RequestEncoder();
  encoder.begin(1, 1, 1);
  encoder.command('counts', { queue: 'work' });
  const calls = [{ onResult: () => undefined, onError: () => undefined }];
  const kind = consistency === undefined ? {} : { consistency };
  return new Batch({ request: encoder.finish(), calls, kept: 0, keptBytes: 0 }, Number.POSITIVE_INFINITY, kind);
}

/** SessionQueues whose main session is open. */
function openSessionQueues(): SessionQueues {
  const sessionQueues = new SessionQueues(16, new SeededRandom(1));
  sessionQueues.main.queued.push(aBatch());
  const opening = sessionQueues.takeNext(sessionQueues.main);
  if (opening === undefined) throw new Error('no opening');
  sessionQueues.remove(opening);
  sessionQueues.onOpened(sessionQueues.main.session, 1);
  return sessionQueues;
}

describe('a reply with an unknown session', () => {
  it('replaces the session of requests that go through the log', () => {
    const sessionQueues = openSessionQueues();
    const { session } = sessionQueues.main;
    const batch = sessionQueues.takeNext(sessionQueues.main) as Batch;
    sessionQueues.expireSessionOf(batch);
    expect(sessionQueues.main.session).not.toBe(session);
  });

  it('does not replace that of queries, so that every unanswered query is in the session of its queue', () => {
    const sessionQueues = openSessionQueues();
    const { stale } = sessionQueues;
    stale.queued.push(aBatch('stale'), aBatch('stale'));
    const [rejected, unanswered] = [sessionQueues.takeNext(stale) as Batch, sessionQueues.takeNext(stale) as Batch];
    sessionQueues.expireSessionOf(rejected);
    expect(stale.isIdle).toBe(false);
    expect([...sessionQueues.unanswered()]).toEqual([unanswered]);
    sessionQueues.remove(unanswered);
    expect(stale.isIdle).toBe(true);
  });
});
