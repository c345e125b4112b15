import { describe, expect, it } from 'vitest';
import { implementationOf } from '../../src/server/services/jobs-implementation.ts';
import type { ServedCall } from '../../src/server/services/operations.ts';
import { callMsOf } from '../../src/server/services/own-client.ts';

const NONE = Number.POSITIVE_INFINITY;

describe('how long a call of a gRPC client may take at the node', () => {
  it('is most of what is left of its deadline, so that the caller gets the error with its outcome', () => {
    for (let leftMs = 300; leftMs < 300_000; leftMs += 97) {
      expect(callMsOf(leftMs)).toBeLessThan(leftMs);
      expect(callMsOf(leftMs)).toBeGreaterThan(0.7 * leftMs);
    }
  });

  it('is bounded, has a default, and has few values', () => {
    expect([callMsOf(NONE), callMsOf(86_400_000), callMsOf(0), callMsOf(-5)]).toEqual([10_000, 300_000, 250, 250]);
    const values = new Set(Array.from({ length: 400_000 }, (_, leftMs) => callMsOf(leftMs)));
    expect(values.size).toBeLessThan(40);
  });

  it.each([
    ['a number', () => Date.now() + 20_000, 20_000],
    ['a date', () => new Date(Date.now() + 20_000), 20_000],
    ['none', () => NONE, NONE],
  ])('comes from the call: %s', async (_what, getDeadline, expected) => {
    const left: number[] = [];
    const { Add } = implementationOf({ Add: async () => ({}) }, (leftMs) => {
      left.push(leftMs);
      return {} as ServedCall;
    });
    const serve = Add as unknown as (call: object, reply: () => void) => void;
    await new Promise<void>((resolve) => serve({ request: {}, on: () => undefined, getDeadline }, resolve));
    expect(left).toHaveLength(1);
    if (expected === NONE) expect(left).toEqual([NONE]);
    else expect(Math.abs((left[0] ?? 0) - expected)).toBeLessThan(60_000);
  });
});
