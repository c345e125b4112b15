import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ClusterBridge } from '../../eval/load/cluster-bridge.ts';
import { ConsumeRecord, sharedDeliveries } from '../../eval/load/consume-record.ts';
import { tallyDeliveries } from '../../eval/load/delivery-tally.ts';
import type { LoadPlan } from '../../eval/load/load-plan.ts';
import { dueTimes, type Schedule } from '../../eval/load/schedule.ts';
import { sendMessages } from '../../eval/load/send-messages.ts';
import { SendRecord, sharedSendCounts } from '../../eval/load/send-record.ts';
import { summarizeLag, summarizeSendLatency } from '../../eval/load/send-summary.ts';
import { ThreadEndpoint } from '../../eval/load/thread-endpoint.ts';
import type { Clock } from '../../eval/measuring/clock.ts';
import { PayloadCodec } from '../../eval/measuring/payload.ts';
import type { ClientChannelHandlers } from '../../src/index.ts';

function first(count: number, schedule: Schedule): number[] {
  const due = dueTimes(schedule);
  return Array.from({ length: count }, () => due.next().value);
}

describe('a schedule', () => {
  it('has a message at fixed intervals, without drift', () => {
    expect(first(4, { type: 'fixed', everyMs: 2.5 })).toEqual([0, 2.5, 5, 7.5]);
    expect(first(10_001, { type: 'fixed', everyMs: 0.1 }).at(-1)).toBe(1000);
  });

  it('is Poisson: exponential intervals of the given rate, the same for the same seed', () => {
    const poisson = (seed: number) => first(20_001, { type: 'poisson', ratePerSecond: 500, seed });
    const due = poisson(1);
    const intervals = due.slice(1).map((atMs, at) => atMs - (due[at] ?? 0));
    const mean = intervals.reduce((sum, interval) => sum + interval, 0) / intervals.length;
    const deviation = Math.sqrt(intervals.reduce((sum, interval) => sum + (interval - mean) ** 2, 0) / intervals.length);
    expect(mean).toBeCloseTo(2, 1);
    // That of an exponential distribution is its mean.
    expect(deviation / mean).toBeCloseTo(1, 1);
    expect(poisson(1)).toEqual(due);
    expect(poisson(2)).not.toEqual(due);
  });
});

/** Time passes only in waitUntil, which is late by `lateMs`. */
class FakeClock implements Clock {
  ms = 1000;
  lateMs = 0;
  wakes = 0;
  nowMs(): number {
    return this.ms;
  }
  async waitUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    this.wakes += 1;
    // Replies arrive before.
    await nextTurn();
    if (signal?.aborted !== true) this.ms = Math.max(this.ms, atMs + this.lateMs);
  }
}

const COMMON = { queue: 'messages', payloadBytes: 8, payloadSeed: 1 };

function load(plan: Partial<LoadPlan> & Pick<LoadPlan, 'model' | 'messages'>) {
  const whole = { ...COMMON, ...plan } as LoadPlan;
  const clock = new FakeClock();
  const controller = new AbortController();
  const payloads = new PayloadCodec(whole.payloadBytes, whole.payloadSeed);
  const shared = sharedSendCounts(whole.messages);
  const record = new SendRecord(whole, shared);
  const added: (number | undefined)[] = [];
  const send = (add: () => Promise<unknown> = async () => undefined) =>
    sendMessages(whole, {
      clock,
      payloads,
      record,
      signal: controller.signal,
      mayBeAdded: (error) => error === 'unknown',
      add: (payload) => {
        added.push(payloads.decode(payload));
        return add();
      },
    });
  return { clock, controller, record, shared, added, send };
}

describe('the sender of a load', () => {
  const every = (everyMs: number) => ({ model: 'open-loop', schedule: { type: 'fixed', everyMs } }) as const;

  it('sends each message when it is due, and records its lag and its latency since then', async () => {
    const { clock, record, added, send } = load({ ...every(10), messages: 4 });
    clock.lateMs = 3;
    await send(async () => {
      clock.ms += 1;
    });
    expect(added).toEqual([0, 1, 2, 3]);
    const { times, ...result } = record.result();
    expect(result).toMatchObject({ sent: 4, acknowledged: 4, failed: 0, unknown: 0, startMs: 1000, firstError: undefined });
    if (times.type !== 'samples') throw new Error('a small load keeps its samples');
    expect([...times.dueMs]).toEqual([1000, 1010, 1020, 1030]);
    expect([...times.sentMs]).toEqual([1000, 1013, 1023, 1033]);
    expect(summarizeLag(times).maxMs).toBe(3);
    expect(summarizeSendLatency(times).maxMs).toBe(4);
  });

  it('sends all that is due when it wakes, at most 2,000 times a second', async () => {
    const { clock, record, send } = load({ ...every(0.1), messages: 1001 });
    await send();
    expect(record.result().sent).toBe(1001);
    expect(clock.ms).toBeGreaterThanOrEqual(1100);
    expect(clock.wakes).toBeLessThanOrEqual(201);
  });

  it('does not wait for replies on a schedule, and makes up for a delay of its own', async () => {
    const { clock, record, send } = load({ ...every(1), messages: 50 });
    let isFirst = true;
    const held: (() => void)[] = [];
    const sending = send(() => {
      if (isFirst) clock.ms += 30;
      isFirst = false;
      return new Promise<void>((resolve) => held.push(resolve));
    });
    while (held.length < 50) await nextTurn();
    for (const resolve of held) resolve();
    await sending;
    expect(record.result()).toMatchObject({ sent: 50, acknowledged: 50 });
    expect(summarizeLag(record.result().times).maxMs).toBe(29);
  });

  it('waits for the reply and sleeps before the next message when it is paced', async () => {
    const { clock, record, send } = load({ model: 'paced', delayMs: 100, messages: 3 });
    await send(async () => {
      clock.ms += 7;
    });
    const { times, startMs } = record.result();
    if (times.type !== 'samples') throw new Error('a small load keeps its samples');
    expect([...times.sentMs]).toEqual([1000, 1107, 1214]);
    // Including the sleep after the last message.
    expect(clock.ms - startMs).toBe(321);
  });

  it.each([
    [5, 1_000_000, 5],
    [5, 24, 3],
    [5, 1, 1],
  ])('in a closed loop has %i messages and %i bytes in flight at most', async (inFlightMax, inFlightBytesMax, expected) => {
    const { record, send } = load({ model: 'closed-loop', inFlightMax, inFlightBytesMax, messages: 20 });
    let [inFlight, most] = [0, 0];
    await send(async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await nextTurn();
      inFlight -= 1;
    });
    expect(most).toBe(expected);
    expect(record.result().acknowledged).toBe(20);
  });

  it('distinguishes messages that certainly failed from those that may have been added', async () => {
    const { record, send } = load({ model: 'closed-loop', inFlightMax: 1, inFlightBytesMax: 100, messages: 3 });
    const replies = [() => Promise.reject('unknown'), () => Promise.reject(new Error('too large')), () => Promise.resolve()];
    await send(() => (replies.shift() ?? Promise.resolve)());
    expect(record.result()).toMatchObject({ sent: 3, acknowledged: 1, failed: 1, unknown: 1, firstError: 'unknown' });
    expect([...record.result().outcomes]).toEqual([4, 3, 2]);
  });

  it('sends nothing more after an abort', async () => {
    const { record, controller, send } = load({ ...every(1), messages: 1000 });
    let sent = 0;
    await send(async () => {
      sent += 1;
      if (sent === 5) controller.abort();
    });
    expect(record.result()).toMatchObject({ sent: 5, acknowledged: 5 });
  });

  it('keeps histograms instead of samples for a large load, with the same percentiles', async () => {
    const summaries = [];
    for (const samplesMax of [2000, 10]) {
      const { clock, record, send } = load({ ...every(5), messages: 2000, samplesMax });
      let sent = 0;
      await send(async () => {
        sent += 1;
        clock.ms += (sent % 100) / 25;
      });
      const { times } = record.result();
      expect(times.type).toBe(samplesMax === 10 ? 'histograms' : 'samples');
      const { p50Ms, p99Ms, count } = summarizeSendLatency(times);
      summaries.push({ p50Ms, p99Ms, count, lag: summarizeLag(times).p50Ms });
    }
    expect(summaries[1]).toEqual(summaries[0]);
    expect(summaries[0]?.count).toBe(2000);
  });
});

describe('deliveries', () => {
  it('are compared with what was sent, message by message', () => {
    const payloads = new PayloadCodec(8, 1);
    const record = new ConsumeRecord(sharedDeliveries(5), payloads);
    for (const message of [0, 0, 2, 4, 7]) record.onCompleted(payloads.encode(message), 10 + message);
    record.onCompleted(new PayloadCodec(8, 2).encode(1), 20);
    const consumed = record.result();
    expect(consumed.completions).toEqual(Uint16Array.of(2, 0, 1, 0, 1));
    expect(consumed).toMatchObject({ foreign: 2, lastCompletedMs: 14 });
    // Acknowledged, acknowledged, unknown, failed, not sent.
    expect(tallyDeliveries({ outcomes: Uint8Array.of(2, 2, 4, 3, 0) }, consumed)).toEqual({
      completed: 2,
      lost: 1,
      duplicated: 1,
      foreign: 3,
    });
  });
});

/** Nodes 1 to 3, of which 3 does not run; it keeps the handlers of each channel. */
class FakeCluster {
  readonly holder = 7;
  nodes = [1, 2, 3];
  running = [1, 2];
  readonly opened = new Map<number, ClientChannelHandlers>();
  readonly sent: [number, Uint8Array][] = [];
  readonly closed: number[] = [];
  close: () => void = () => undefined;

  nodeIds(): readonly number[] {
    return this.nodes;
  }
  isRunning(node: number): boolean {
    return this.running.includes(node);
  }
  openChannel(node: number, handlers: ClientChannelHandlers) {
    if (!this.isRunning(node)) return undefined;
    this.opened.set(node, handlers);
    return { send: (packet: Uint8Array) => void this.sent.push([node, packet]), close: () => void this.closed.push(node) };
  }
  onClosed(listener: () => void): () => void {
    this.close = listener;
    return () => undefined;
  }
}

describe('the endpoint of another thread', () => {
  function bridged() {
    const cluster = new FakeCluster();
    const bridge = new ClusterBridge(cluster);
    const endpoint = new ThreadEndpoint(bridge.data);
    const received: Uint8Array[] = [];
    const lost: number[] = [];
    const open = (node: number) =>
      endpoint.openChannel(node, { onPacket: (packet) => received.push(packet), onLost: () => lost.push(node) });
    return { cluster, bridge, endpoint, received, lost, open };
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  it('relays packets both ways, and leaves the packets of its client usable', async () => {
    const { cluster, bridge, received, open } = bridged();
    const packet = Uint8Array.of(1, 2, 3);
    open(1)?.send(packet);
    await until(() => cluster.sent.length === 1);
    expect(cluster.sent).toEqual([[1, packet]]);
    expect(packet).toHaveLength(3);
    const part = new Uint8Array(10).subarray(2, 4);
    cluster.opened.get(1)?.onPacket(Uint8Array.of(4, 5));
    cluster.opened.get(1)?.onPacket(part);
    await until(() => received.length === 2);
    expect(received).toEqual([Uint8Array.of(4, 5), Uint8Array.of(0, 0)]);
    expect(part).toHaveLength(2);
    bridge[Symbol.dispose]();
  });

  it('has the holder and the nodes of the cluster, and no channel to a node that does not run', async () => {
    const { cluster, bridge, endpoint, open } = bridged();
    expect(endpoint.holder).toBe(7);
    expect(endpoint.nodeIds()).toEqual([1, 2, 3]);
    expect(open(3)).toBeUndefined();
    cluster.nodes = [1, 2, 3, 4];
    cluster.running = [1, 3, 4];
    await until(() => endpoint.nodeIds().length === 4);
    expect(open(2)).toBeUndefined();
    expect(open(4)).toBeDefined();
    bridge[Symbol.dispose]();
  });

  it('passes on that a channel is lost or closed', async () => {
    const { cluster, bridge, endpoint, lost, open } = bridged();
    const channel = open(1);
    open(2);
    await until(() => cluster.opened.size === 2);
    cluster.running = [1];
    cluster.opened.get(2)?.onLost();
    await until(() => lost.length === 1);
    expect(lost).toEqual([2]);
    await until(() => endpoint.openChannel(2, { onPacket: () => undefined, onLost: () => undefined }) === undefined);
    channel?.close();
    await until(() => cluster.closed.includes(1));
    expect(lost).toEqual([2]);
    bridge[Symbol.dispose]();
  });

  it('loses a channel to a node that stopped before the request for it arrived', async () => {
    const { cluster, bridge, lost, open } = bridged();
    cluster.running = [];
    expect(open(1)).toBeDefined();
    await until(() => lost.length === 1);
    bridge[Symbol.dispose]();
  });

  it('is closed with the cluster, and with its bridge', async () => {
    for (const close of ['cluster', 'bridge'] as const) {
      const { cluster, bridge, endpoint, open } = bridged();
      let calls = 0;
      endpoint.onClosed(() => {
        calls += 1;
      });
      if (close === 'cluster') cluster.close();
      else bridge[Symbol.dispose]();
      await until(() => endpoint.isClosed);
      expect(calls).toBe(1);
      expect(open(1)).toBeUndefined();
      bridge[Symbol.dispose]();
    }
  });
});
