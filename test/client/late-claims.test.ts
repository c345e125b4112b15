import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/client/delivery/batch.ts';
import { LateClaims } from '../../src/client/delivery/late-claims.ts';
import type { PendingOperation } from '../../src/client/delivery/pending-operation.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { claimOptions, options } from '../queue/harness.ts';

const CLIENT = 7;

const aCall = (claimLeaseMs?: number): PendingOperation => ({
  onResult: () => undefined,
  onError: () => undefined,
  ...(claimLeaseMs === undefined ? {} : { claimLeaseMs }),
});

/** A request of some claims and an add, whose time is over. */
function givenUp(late: LateClaims, sequence: number, claims: number, payload = new Uint8Array(4)): Batch {
  const encoder = new RequestEncoder();
  encoder.begin(CLIENT, sequence, 1);
  const calls: PendingOperation[] = [];
  for (let claim = 0; claim < claims; claim += 1) {
    encoder.claim('q', claimOptions(1, 30_000));
    calls.push(aCall(30_000));
  }
  encoder.add('q', payload, options());
  calls.push(aCall());
  const batch = new Batch({ request: encoder.finish(), calls, kept: 0, keptBytes: 0 }, 0);
  batch.assignSequence(CLIENT, sequence, 1);
  batch.failOrdinary(new Error('too late'), (call) => late.successorOf(call));
  return batch;
}

/** The results of such a request: each claim brought one job, with a known id. */
const replyTo = (claims: number, firstId: number): OperationResult[] => [
  ...Array.from(
    { length: claims },
    (_, at): OperationResult => ({
      ok: true,
      type: 'claimed',
      jobs: [{ id: firstId + at, token: 1, attempt: 1, attemptsMax: 1, addedMs: 0, isBegun: true, stalls: 0, payload: new Uint8Array(0) }],
    }),
  ),
  { ok: true, type: 'added', id: 1 },
];

function aSetting(): { readonly late: LateClaims; readonly released: number[] } {
  const released: number[] = [];
  return { late: new LateClaims((jobs) => released.push(...jobs.map(({ id }) => id))), released };
}

describe('claims that were given up', () => {
  it('have their jobs released when the reply arrives after all, once', () => {
    const { late, released } = aSetting();
    late.expect(givenUp(late, 1, 2));
    late.onReplied(CLIENT, 2, replyTo(2, 10));
    late.onReplied(CLIENT, 1, replyTo(2, 20));
    late.onReplied(CLIENT, 1, replyTo(2, 30));
    expect(released).toEqual([20, 21]);
  });

  it('keep no bytes of their request', async () => {
    const { late, released } = aSetting();
    const packet = ((): WeakRef<Uint8Array> => {
      const batch = givenUp(late, 1, 1, new Uint8Array(4 * 1024 * 1024));
      late.expect(batch);
      return new WeakRef(batch.packet);
    })();
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    for (let tried = 0; packet.deref() !== undefined && tried < 10; tried += 1) {
      await turn();
      collect();
    }
    expect(packet.deref()).toBeUndefined();
    late.onReplied(CLIENT, 1, replyTo(1, 10));
    expect(released).toEqual([10]);
  });

  it('are bounded in number: the oldest are dropped', () => {
    const { late, released } = aSetting();
    const claims = 1_000;
    for (let sequence = 1; sequence <= 20; sequence += 1) late.expect(givenUp(late, sequence, claims));
    for (let sequence = 1; sequence <= 20; sequence += 1) late.onReplied(CLIENT, sequence, replyTo(claims, sequence * 10_000));
    expect(released.length).toBe(16 * claims);
    expect(Math.min(...released)).toBe(5 * 10_000);
  });
});
