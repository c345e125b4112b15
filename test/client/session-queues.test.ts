import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/client/batch.ts';
import { SessionQueues } from '../../src/client/session-queues.ts';
import type { ReadConsistency } from '../../src/protocol/client-frame.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';

function aBatch(consistency?: ReadConsistency): Batch {
  const encoder = new RequestEncoder();
  encoder.begin(1, 1, 1);
  encoder.counts('work');
  const calls = [{ onResult: () => undefined, onError: () => undefined }];
  const kind = consistency === undefined ? {} : { consistency };
  return new Batch({ request: encoder.finish(), calls, kept: 0, keptBytes: 0 }, Number.POSITIVE_INFINITY, kind);
}

/** SessionQueues whose main session is open. */
function openLanes(): SessionQueues {
  const lanes = new SessionQueues(16);
  lanes.main.queued.push(aBatch());
  const opening = lanes.takeNext(lanes.main);
  if (opening === undefined) throw new Error('no opening');
  lanes.remove(opening);
  lanes.onOpened(lanes.main.session, 1);
  return lanes;
}

describe('a reply that says that the session is unknown', () => {
  it('replaces the session of requests that go through the log', () => {
    const lanes = openLanes();
    const { session } = lanes.main;
    const batch = lanes.takeNext(lanes.main) as Batch;
    lanes.expireSessionOf(batch);
    expect(lanes.main.session).not.toBe(session);
  });

  it('does not replace that of queries, so that no unanswered query is outside of its lane’s session', () => {
    const lanes = openLanes();
    const { stale } = lanes;
    stale.queued.push(aBatch('stale'), aBatch('stale'));
    const [rejected, unanswered] = [lanes.takeNext(stale) as Batch, lanes.takeNext(stale) as Batch];
    lanes.expireSessionOf(rejected);
    expect(stale.isIdle).toBe(false);
    expect([...lanes.unanswered()]).toEqual([unanswered]);
    lanes.remove(unanswered);
    expect(stale.isIdle).toBe(true);
  });
});
