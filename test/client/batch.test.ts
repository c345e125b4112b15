import { expect, it } from 'vitest';
import { addOptionsOf } from '../../src/client/api/job-options.ts';
import { Batch } from '../../src/client/delivery/batch.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';

const SILENCE_MS = 250;

function aBatch(payloadBytes: number): Batch {
  const encoder = new RequestEncoder(64);
  encoder.begin(1, 1, 1);
  encoder.add('mail', new Uint8Array(payloadBytes), addOptionsOf({}));
  const batch = new Batch({ request: encoder.finish(), calls: [], kept: 0, keptBytes: 0 }, 1_000);
  batch.sentAtMs = 100;
  batch.sends = 1;
  batch.needsSend = false;
  return batch;
}

it('a node may take longer for a large request before it counts as silent, so that no repetition delays the first sending', () => {
  expect(aBatch(100).silentAtMs(SILENCE_MS)).toBeCloseTo(100 + SILENCE_MS, 0);
  expect(aBatch(4 * 1024 * 1024).silentAtMs(SILENCE_MS)).toBeGreaterThanOrEqual(100 + SILENCE_MS + 512);
});

it('a large request travels for a while, each time twice as long, unless it is known to be lost', () => {
  const batch = aBatch(4 * 1024 * 1024);
  expect([100, 611, 613].map((nowMs) => batch.isTravelling(nowMs))).toEqual([true, true, false]);
  batch.sends = 3;
  expect([2_147, 2_149].map((nowMs) => batch.isTravelling(nowMs))).toEqual([true, false]);
  batch.needsSend = true;
  expect(batch.isTravelling(100)).toBe(false);
  expect(aBatch(7_000).isTravelling(100)).toBe(false);
});
