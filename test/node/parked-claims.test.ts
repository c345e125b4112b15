import { describe, expect, it } from 'vitest';
import { ParkedClaims } from '../../src/node/parked-claims.ts';

const aClaim = (sequence: number, expiresMs: number) => ({
  client: 1,
  sequence,
  connection: 1,
  peer: undefined,
  request: new Uint8Array(0),
  queue: 'work',
  countMax: 1,
  expiresMs,
});

describe('claims that wait for a job', () => {
  it('expire at the earliest of their times', () => {
    const parked = new ParkedClaims();
    parked.park(aClaim(1, 500));
    parked.park(aClaim(2, 300));
    expect(parked.nextExpiryMs).toBe(300);
    expect(parked.takeExpired(300).map(({ sequence }) => sequence)).toEqual([2]);
    expect(parked.nextExpiryMs).toBe(500);
  });

  it('leave no deadline behind once they were served: the node would wake again and again for nothing', () => {
    const parked = new ParkedClaims();
    parked.park(aClaim(1, 300));
    expect(parked.takeServable(() => 1)).toHaveLength(1);
    expect(parked.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
    parked.park(aClaim(2, 900));
    expect(parked.nextExpiryMs).toBe(900);
  });
});
