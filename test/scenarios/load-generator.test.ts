import { startCluster } from 'jobraft';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Its threads run the built code, so the rest of it has to be the built code, too. */
const urlOf = (file: string): URL => new URL(`../../dist/eval/load/${file}`, import.meta.url);
const built = async <Module>(file: string): Promise<Module> => await import(urlOf(file).href);
const { AlarmClock } = await built<typeof import('../../eval/load/alarm-clock.ts')>('alarm-clock.js');
const { LoadSender } = await built<typeof import('../../eval/load/load-sender.ts')>('load-sender.js');
const { LoadConsumer } = await built<typeof import('../../eval/load/load-consumer.ts')>('load-consumer.js');
const { tallyDeliveries } = await built<typeof import('../../eval/load/delivery-tally.ts')>('delivery-tally.js');

const NEVER = new AbortController().signal;
const PAYLOAD = { payloadBytes: 64, payloadSeed: 5 };

describe('an alarm clock', () => {
  it('never wakes its caller early, and at once for a time in the past', async () => {
    await using clock = await AlarmClock.open();
    for (const ms of [2.5, 0.3, -1, 1.25]) {
      const atMs = clock.nowMs() + ms;
      await clock.waitUntil(atMs);
      expect(clock.nowMs()).toBeGreaterThanOrEqual(atMs);
    }
  });

  it('wakes its caller when the signal is aborted, and when it is closed', async () => {
    const clock = await AlarmClock.open();
    const controller = new AbortController();
    const aborted = clock.waitUntil(clock.nowMs() + 1e9, controller.signal);
    controller.abort();
    await aborted;
    const closed = clock.waitUntil(clock.nowMs() + 1e9);
    await expect(clock.waitUntil(clock.nowMs() + 1e9)).rejects.toThrow('already set');
    await clock[Symbol.asyncDispose]();
    await closed;
  });
});

describe('the load generator, with sender and consumer in threads of their own', () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>;
  let sender: Awaited<ReturnType<typeof LoadSender.open>>;
  let consumer: Awaited<ReturnType<typeof LoadConsumer.open>>;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3, storage: 'memory', seed: 1 });
    await cluster.waitForLeader();
    [sender, consumer] = await Promise.all([LoadSender.open(cluster), LoadConsumer.open(cluster)]);
  });
  afterAll(async () => {
    await sender[Symbol.asyncDispose]();
    await consumer[Symbol.asyncDispose]();
    await cluster.close();
  });

  const delivered = async (count: number): Promise<void> => {
    while (consumer.delivered < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it('sends 300 messages at 500 a second, loses none, and records the lag of each', async () => {
    const queue = 'scheduled';
    await consumer.begin({ queue, concurrency: 10, messages: 300, ...PAYLOAD });
    const result = await sender.send(
      { model: 'open-loop', schedule: { type: 'fixed', everyMs: 2 }, queue, messages: 300, ...PAYLOAD },
      NEVER,
    );
    await delivered(300);
    const consumed = await consumer.end();
    expect(result).toMatchObject({ sent: 300, acknowledged: 300, failed: 0, unknown: 0, firstError: undefined });
    expect(tallyDeliveries(result, consumed)).toEqual({ completed: 300, lost: 0, duplicated: 0, foreign: 0 });
    expect(consumed.firstError).toBeUndefined();
    if (result.times.type !== 'samples') throw new Error('a small load keeps its samples');
    const { dueMs, sentMs, acknowledgedMs } = result.times;
    for (const [message, due] of dueMs.entries()) {
      expect(due).toBeCloseTo(result.startMs + 2 * message, 3);
      expect(sentMs[message]).toBeGreaterThanOrEqual(due);
      expect(acknowledgedMs[message]).toBeGreaterThan(sentMs[message] ?? Number.NaN);
      // One clock for all threads.
      expect(consumed.completedMs[message]).toBeGreaterThan(due);
    }
    expect(result.lastAcknowledgedMs).toBe(Math.max(...acknowledgedMs));
    expect(result.cpuMs === null || result.cpuMs > 0).toBe(true);
    expect(result.loopUtilization).toBeGreaterThan(0);
  });

  it('sends as many as it can until it is aborted, and can send again', async () => {
    const controller = new AbortController();
    const queue = 'closed';
    await consumer.begin({ queue, concurrency: 100, messages: 1_000_000, ...PAYLOAD });
    const load = { model: 'closed-loop', inFlightMax: 100, inFlightBytesMax: 1_000_000, queue, messages: 1_000_000, ...PAYLOAD } as const;
    const sending = sender.send(load, controller.signal);
    while (sender.acknowledged < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort();
    const result = await sending;
    expect(result.times.type).toBe('histograms');
    expect(result.acknowledged).toBeGreaterThanOrEqual(1000);
    expect(result.acknowledged).toBe(result.sent);
    await delivered(result.acknowledged);
    expect(tallyDeliveries(result, await consumer.end())).toMatchObject({ completed: result.sent, lost: 0, duplicated: 0, foreign: 0 });
    const paced = await sender.send({ model: 'paced', delayMs: 1, queue: 'paced', messages: 5, ...PAYLOAD }, NEVER);
    expect(paced).toMatchObject({ sent: 5, acknowledged: 5 });
  });

  it('continues after the leader is stopped', async () => {
    const queue = 'failover';
    await consumer.begin({ queue, concurrency: 10, messages: 400, ...PAYLOAD });
    const sending = sender.send(
      { model: 'open-loop', schedule: { type: 'poisson', ratePerSecond: 1000, seed: 3 }, queue, messages: 400, ...PAYLOAD },
      NEVER,
    );
    while (sender.acknowledged < 50) await new Promise((resolve) => setTimeout(resolve, 1));
    const leader = await cluster.waitForLeader();
    await cluster.stop(leader);
    const result = await sending;
    expect(result.sent).toBe(400);
    await cluster.restart(leader);
    // On a busy machine a call may reach its deadline: then it is not acknowledged, and not lost.
    await delivered(result.acknowledged);
    expect(tallyDeliveries(result, await consumer.end())).toMatchObject({ lost: 0, foreign: 0 });
    const again = await sender.send({ model: 'paced', delayMs: 1, queue: 'after', messages: 5, ...PAYLOAD }, NEVER);
    expect(again.acknowledged).toBe(5);
  });
});
