import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { type ParkedClaim, ParkedClaims } from '../../src/node/parked-claims.ts';

const aClaim = (sequence: number, expiresMs: number, other: Partial<ParkedClaim> = {}): ParkedClaim => ({
  client: 1,
  sequence,
  connection: 1,
  peer: undefined,
  request: new Uint8Array(0),
  claims: [],
  takes: [],
  replyBytes: 0,
  queue: 'work',
  countMax: 1,
  expiresMs,
  ...other,
});

const sequencesOf = (claims: readonly ParkedClaim[]): number[] => claims.map(({ sequence }) => sequence);

describe('claims that wait for a job', () => {
  it('expire at the earliest of their times', () => {
    const parked = new ParkedClaims();
    parked.park(aClaim(1, 500));
    parked.park(aClaim(2, 300));
    expect(parked.nextExpiryMs).toBe(300);
    expect(parked.takeExpired(300).map(({ sequence }) => sequence)).toEqual([2]);
    expect(parked.nextExpiryMs).toBe(500);
  });

  it('leave no deadline once they were served: the node would wake repeatedly for nothing', () => {
    const parked = new ParkedClaims();
    parked.park(aClaim(1, 300));
    expect(parked.takeServable(() => 1)).toHaveLength(1);
    expect(parked.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
    parked.park(aClaim(2, 900));
    expect(parked.nextExpiryMs).toBe(900);
  });

  it('are served in order of arrival, also when repeated', () => {
    const parked = new ParkedClaims();
    parked.park(aClaim(1, 500));
    parked.park(aClaim(2, 400));
    parked.park(aClaim(1, 900, { connection: 7 }));
    expect(parked.size).toBe(2);
    expect(parked.nextExpiryMs).toBe(400);
    const served = parked.takeServable(() => 2);
    expect(sequencesOf(served)).toEqual([1, 2]);
    expect(served[0]?.connection).toBe(7);
  });

  it('are served as far as their queue has jobs', () => {
    const parked = new ParkedClaims();
    parked.park(aClaim(1, 500, { countMax: 3 }));
    parked.park(aClaim(2, 500));
    parked.park(aClaim(3, 500, { queue: 'other' }));
    expect(sequencesOf(parked.takeServable((queue) => (queue === 'work' ? 3 : 0)))).toEqual([1]);
    expect(parked.size).toBe(2);
  });

  it('cost nothing in later turns, as long as their queues get no jobs', () => {
    const parked = new ParkedClaims();
    for (let sequence = 1; sequence <= 10_000; sequence += 1) parked.park(aClaim(sequence, 500, { queue: `q${sequence % 1_000}` }));
    const asked: string[] = [];
    const noJobs = (queue: string): number => {
      asked.push(queue);
      return 0;
    };
    expect(parked.takeServable(noJobs)).toEqual([]);
    expect(asked).toHaveLength(1_000);
    expect(parked.takeServable(noJobs)).toEqual([]);
    expect(asked).toHaveLength(1_000);
    parked.onQueueFilled('q7');
    parked.onQueueFilled('a queue without claims');
    expect(sequencesOf(parked.takeServable((queue) => (queue === 'q7' ? 2 : 0)))).toEqual([7, 1_007]);
  });

  it('that were not served are served later, while jobs of their queue wait', () => {
    const parked = new ParkedClaims();
    for (const sequence of [1, 2, 3]) parked.park(aClaim(sequence, 500));
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([1]);
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([2]);
    expect(sequencesOf(parked.takeServable(() => 0))).toEqual([]);
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([]);
    parked.onQueueFilled('work');
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([3]);
    parked.onQueueFilled('work');
    parked.park(aClaim(4, 500));
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([4]);
  });

  it('can be taken one by one, once', () => {
    const parked = new ParkedClaims();
    parked.park(aClaim(1, 300));
    parked.park(aClaim(2, 500));
    expect(parked.takeOne(1, 1)?.sequence).toBe(1);
    expect(parked.takeOne(1, 1)).toBeUndefined();
    expect(parked.takeOne(2, 2)).toBeUndefined();
    expect(parked.has(1, 1)).toBe(false);
    expect(parked.nextExpiryMs).toBe(500);
    expect(sequencesOf(parked.takeAll())).toEqual([2]);
    expect(parked.size).toBe(0);
  });

  it('are removed with their channel, or with the peer that forwarded them', () => {
    const parked = new ParkedClaims();
    const peer = asNodeId(2);
    parked.park(aClaim(1, 500, { connection: 1 }));
    parked.park(aClaim(2, 500, { connection: 1, peer }));
    parked.park(aClaim(3, 500, { connection: 2, peer }));
    parked.park(aClaim(4, 500, { connection: 2, peer: asNodeId(3) }));
    expect(sequencesOf(parked.takeOfConnection(1, peer))).toEqual([2]);
    expect(sequencesOf(parked.takeOfPeer(peer))).toEqual([3]);
    expect(sequencesOf(parked.takeOfConnection(1, undefined))).toEqual([1]);
    expect(parked.size).toBe(1);
  });

  it('expire each in its time, however many were parked and taken before', () => {
    const parked = new ParkedClaims();
    for (let sequence = 1; sequence <= 10_000; sequence += 1) {
      parked.park(aClaim(sequence, 20_000 - sequence));
      if (sequence % 10 > 0) parked.takeOne(1, sequence);
    }
    expect(parked.size).toBe(1_000);
    expect(sequencesOf(parked.takeExpired(10_020))).toEqual([10_000, 9_990, 9_980]);
    expect(parked.nextExpiryMs).toBe(10_030);
  });
});
