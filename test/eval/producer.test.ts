import { describe, expect, it } from 'vitest';
import { PayloadCodec } from '../../eval/measuring/payload.ts';
import { DeliveryLedger } from '../../eval/replay/delivery-ledger.ts';
import { produce } from '../../eval/replay/producer.ts';
import type { RunningSystem } from '../../eval/replay/system-under-test.ts';
import { type ClosedLoopWorkload, intervalMs, type PacedWorkload, scheduleMs } from '../../eval/replay/workload.ts';
import { FakeClock } from './fake-target.ts';

const paced: PacedWorkload = { model: 'paced', delayMs: 100, settleMs: 500, messages: 5, payloadBytes: 4 };

async function offer(
  workload: PacedWorkload | ClosedLoopWorkload,
  clock: FakeClock,
  add: RunningSystem['add'],
  controller = new AbortController(),
) {
  const ledger = new DeliveryLedger(workload.messages);
  const { startMs, endMs } = await produce(workload, {
    system: { add, addOutcome: () => 'unknown' },
    clock,
    ledger,
    payloads: new PayloadCodec(workload.payloadBytes, 1),
    queue: 'messages',
    signal: controller.signal,
    onSent: () => undefined,
  });
  return {
    ledger,
    tookMs: endMs - startMs,
    samples: [...ledger.samples()].map((sample) => ({
      ...sample,
      intendedMs: sample.intendedMs - startMs,
      sentMs: sample.sentMs - startMs,
    })),
  };
}

describe('a paced producer', () => {
  it('sends a message, awaits its reply, sleeps, and sends the next', async () => {
    const clock = new FakeClock();
    const { samples, tookMs } = await offer(paced, clock, async () => clock.advance(30));
    expect(samples.map(({ sentMs }) => sentMs)).toEqual([0, 130, 260, 390, 520]);
    expect(samples.map(({ intendedMs }) => intendedMs)).toEqual([0, 130, 260, 390, 520]);
    expect(tookMs).toBe(5 * 130);
  });

  it('never has two messages in flight', async () => {
    let inFlight = 0;
    let mostInFlight = 0;
    await offer(paced, new FakeClock(), async () => {
      inFlight += 1;
      mostInFlight = Math.max(mostInFlight, inFlight);
      await Promise.resolve();
      inFlight -= 1;
    });
    expect(mostInFlight).toBe(1);
  });

  it('sends nothing more once it is interrupted', async () => {
    const controller = new AbortController();
    let sent = 0;
    const { ledger } = await offer(
      paced,
      new FakeClock(),
      async () => {
        sent += 1;
        if (sent === 2) controller.abort();
      },
      controller,
    );
    expect(ledger.tally()).toMatchObject({ attempted: 2, acknowledged: 2 });
  });
});

describe('a producer as fast as possible', () => {
  it('never has more messages in flight than allowed, and sends all of them', async () => {
    let inFlight = 0;
    let mostInFlight = 0;
    const { ledger } = await offer({ model: 'closed-loop', inFlightMax: 8, messages: 100, payloadBytes: 4 }, new FakeClock(), async () => {
      inFlight += 1;
      mostInFlight = Math.max(mostInFlight, inFlight);
      await Promise.resolve();
      inFlight -= 1;
    });
    expect(mostInFlight).toBe(8);
    expect(ledger.tally()).toMatchObject({ attempted: 100, acknowledged: 100 });
  });
});

describe('a schedule', () => {
  it('of N paced messages takes 0.1 N + 0.5 s for any system', () => {
    expect(scheduleMs({ ...paced, messages: 100 })).toBe(10_500);
    expect(scheduleMs({ ...paced, messages: 2000 })).toBe(200_500);
  });

  it('of an open loop follows its rate, and a closed loop has no interval', () => {
    expect(intervalMs({ model: 'open-loop', ratePerSecond: 500, messages: 1, payloadBytes: 4 })).toBe(2);
    expect(intervalMs({ model: 'closed-loop', inFlightMax: 1, messages: 1, payloadBytes: 4 })).toBe(0);
  });
});

describe('a payload', () => {
  it('is recognised on arrival, whole or not at all', () => {
    const codec = new PayloadCodec(50, 3);
    const payload = codec.encode(70_000);
    expect(payload.byteLength).toBe(50);
    expect(codec.decode(payload)).toBe(70_000);
    expect(codec.decode(payload.subarray(1))).toBeUndefined();
    payload[49] = (payload[49] ?? 0) ^ 1;
    expect(codec.decode(payload)).toBeUndefined();
  });

  it('of four bytes is its number alone', () => {
    expect(new PayloadCodec(4, 3).decode(new PayloadCodec(4, 3).encode(1999))).toBe(1999);
  });
});
