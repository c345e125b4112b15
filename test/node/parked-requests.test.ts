import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { type ParkedRequest, ParkedRequests } from '../../src/node/parked-requests.ts';

const aRequest = (sequence: number, expiresMs: number, other: Partial<ParkedRequest> = {}): ParkedRequest => ({
  client: 1,
  sequence,
  connection: 1,
  peer: undefined,
  request: new Uint8Array(0),
  inspection: {},
  reservation: undefined,
  topic: 'work',
  demand: 1,
  expiresMs,
  ...other,
});

const sequencesOf = (requests: readonly ParkedRequest[]): number[] => requests.map(({ sequence }) => sequence);

describe('requests that wait at the leader', () => {
  it('expire at the earliest of their times', () => {
    const parked = new ParkedRequests();
    parked.park(aRequest(1, 500));
    parked.park(aRequest(2, 300));
    expect(parked.nextExpiryMs).toBe(300);
    expect(parked.takeExpired(300).map(({ sequence }) => sequence)).toEqual([2]);
    expect(parked.nextExpiryMs).toBe(500);
  });

  it('leave no deadline once they were served: the node would wake repeatedly for nothing', () => {
    const parked = new ParkedRequests();
    parked.park(aRequest(1, 300));
    expect(parked.takeServable(() => 1)).toHaveLength(1);
    expect(parked.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
    parked.park(aRequest(2, 900));
    expect(parked.nextExpiryMs).toBe(900);
  });

  it('are served in order of arrival, also when repeated', () => {
    const parked = new ParkedRequests();
    parked.park(aRequest(1, 500));
    parked.park(aRequest(2, 400));
    parked.park(aRequest(1, 900, { connection: 7 }));
    expect(parked.size).toBe(2);
    expect(parked.nextExpiryMs).toBe(400);
    const served = parked.takeServable(() => 2);
    expect(sequencesOf(served)).toEqual([1, 2]);
    expect(served[0]?.connection).toBe(7);
  });

  it('are served as far as there is something for them', () => {
    const parked = new ParkedRequests();
    parked.park(aRequest(1, 500, { demand: 3 }));
    parked.park(aRequest(2, 500));
    parked.park(aRequest(3, 500, { topic: 'other' }));
    expect(sequencesOf(parked.takeServable((topic) => (topic === 'work' ? 3 : 0)))).toEqual([1]);
    expect(parked.size).toBe(2);
  });

  it('cost nothing in later turns, as long as their topics get nothing', () => {
    const parked = new ParkedRequests();
    for (let sequence = 1; sequence <= 10_000; sequence += 1) parked.park(aRequest(sequence, 500, { topic: `q${sequence % 1_000}` }));
    const asked: string[] = [];
    const nothing = (topic: string): number => {
      asked.push(topic);
      return 0;
    };
    expect(parked.takeServable(nothing)).toEqual([]);
    expect(asked).toHaveLength(1_000);
    expect(parked.takeServable(nothing)).toEqual([]);
    expect(asked).toHaveLength(1_000);
    parked.onAvailable('q7');
    parked.onAvailable('a topic without requests');
    expect(sequencesOf(parked.takeServable((topic) => (topic === 'q7' ? 2 : 0)))).toEqual([7, 1_007]);
  });

  it('that were not served are served later, while their topic has something', () => {
    const parked = new ParkedRequests();
    for (const sequence of [1, 2, 3]) parked.park(aRequest(sequence, 500));
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([1]);
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([2]);
    expect(sequencesOf(parked.takeServable(() => 0))).toEqual([]);
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([]);
    parked.onAvailable('work');
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([3]);
    parked.onAvailable('work');
    parked.park(aRequest(4, 500));
    expect(sequencesOf(parked.takeServable(() => 1))).toEqual([4]);
  });

  it('can be taken one by one, once', () => {
    const parked = new ParkedRequests();
    parked.park(aRequest(1, 300));
    parked.park(aRequest(2, 500));
    expect(parked.takeOne(1, 1)?.sequence).toBe(1);
    expect(parked.takeOne(1, 1)).toBeUndefined();
    expect(parked.takeOne(2, 2)).toBeUndefined();
    expect(parked.has(1, 1)).toBe(false);
    expect(parked.nextExpiryMs).toBe(500);
    expect(sequencesOf(parked.takeAll())).toEqual([2]);
    expect(parked.size).toBe(0);
  });

  it('are removed with their channel, or with the peer that forwarded them', () => {
    const parked = new ParkedRequests();
    const peer = asNodeId(2);
    parked.park(aRequest(1, 500, { connection: 1 }));
    parked.park(aRequest(2, 500, { connection: 1, peer }));
    parked.park(aRequest(3, 500, { connection: 2, peer }));
    parked.park(aRequest(4, 500, { connection: 2, peer: asNodeId(3) }));
    expect(sequencesOf(parked.takeOfConnection(1, peer))).toEqual([2]);
    expect(sequencesOf(parked.takeOfPeer(peer))).toEqual([3]);
    expect(sequencesOf(parked.takeOfConnection(1, undefined))).toEqual([1]);
    expect(parked.size).toBe(1);
  });

  it('expire each in its time, however many were parked and taken before', () => {
    const parked = new ParkedRequests();
    for (let sequence = 1; sequence <= 10_000; sequence += 1) {
      parked.park(aRequest(sequence, 20_000 - sequence));
      if (sequence % 10 > 0) parked.takeOne(1, sequence);
    }
    expect(parked.size).toBe(1_000);
    expect(sequencesOf(parked.takeExpired(10_020))).toEqual([10_000, 9_990, 9_980]);
    expect(parked.nextExpiryMs).toBe(10_030);
  });
});
