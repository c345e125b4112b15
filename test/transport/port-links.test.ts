import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { NO_FAULTS, PortLinks } from '../../src/transport/port-links.ts';

/** Links that record the delivered frames by their first byte. */
function noted() {
  const frames: number[] = [];
  const senders: number[] = [];
  const lost: number[] = [];
  let turns = 0;
  let wake: () => void = () => undefined;
  const links = new PortLinks({
    random: new SeededRandom(1),
    onFrame: (from, frame) => {
      frames.push(frame[0] ?? -1);
      senders.push(from);
    },
    onReadable: () => {
      turns += 1;
      wake();
    },
    onClosed: (partner) => {
      lost.push(partner);
      wake();
    },
  });
  onTestFinished(() => links.close());
  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        if (isDone()) resolve();
      };
      wake();
    });
  return { links, frames, senders, lost, until, turns: () => turns };
}

/** Two links that reach each other as partners 1 and 2. */
function connected() {
  const [one, two] = [noted(), noted()];
  const { port1, port2 } = new MessageChannel();
  one.links.attach(2, port1);
  two.links.attach(1, port2);
  return { one, two };
}

const frame = (...bytes: readonly number[]): Uint8Array => Uint8Array.of(...bytes);

function send(channel: MessageChannel, ...values: readonly number[]): void {
  for (const value of values) channel.port2.postMessage(Uint8Array.of(value));
}

describe('links over MessagePorts', () => {
  it('deliver frames in their order, with the partner that sent them', async () => {
    const { one, two } = connected();
    const third = new MessageChannel();
    two.links.attach(3, third.port1);
    for (const value of [1, 2, 3]) one.links.send(2, frame(value));
    two.links.send(1, frame(9));
    await two.until(() => two.frames.length === 3);
    send(third, 4);
    await two.until(() => two.frames.length === 4);
    await one.until(() => one.frames.length === 1);
    expect(two.frames).toEqual([1, 2, 3, 4]);
    expect(two.senders).toEqual([1, 1, 1, 3]);
    expect(one.senders).toEqual([2]);
  });

  it('give the memory of a frame away: the sender has none of it afterwards', async () => {
    const { one, two } = connected();
    const large = new Uint8Array(16 * 1024 * 1024).fill(7);
    one.links.send(2, large);
    expect(large.byteLength).toBe(0);
    await two.until(() => two.frames.length === 1);
    expect(two.frames).toEqual([7]);
  });

  it('drop a frame for a partner that they do not have', () => {
    const { links } = noted();
    const kept = frame(1);
    links.send(8, kept);
    expect(kept.byteLength).toBe(1);
  });

  it('deliver by drain what has not woken the thread, and no more than a bounded number of frames of each partner', async () => {
    const { links, frames, turns, until } = noted();
    const [busy, quiet] = [new MessageChannel(), new MessageChannel()];
    links.attach(2, busy.port1);
    links.attach(3, quiet.port1);
    send(busy, ...Array.from({ length: 1_500 }, () => 2));
    send(quiet, 3);
    // In the same turn of the event loop, so that no message event came before.
    links.drain();
    expect(turns()).toBe(0);
    const taken = frames.filter((value) => value === 2).length;
    expect(taken).toBeGreaterThan(1_000);
    expect(taken).toBeLessThan(1_500);
    expect(frames).toContain(3);
    await until(() => frames.length === 1_501);
  });

  it('report a partner whose end was closed once, and send nothing more to it', async () => {
    const { one, two } = connected();
    two.links.close();
    await one.until(() => one.lost.length > 0);
    const kept = frame(1);
    one.links.send(2, kept);
    expect(kept.byteLength).toBe(1);
    expect(one.lost).toEqual([2]);
    // The side that closed its links knows that.
    expect(two.lost).toEqual([]);
  });

  it('replace a channel to one partner: only the later of two delivers frames, even those that had arrived on the earlier', async () => {
    const { links, frames, lost, until } = noted();
    const [earlier, later] = [new MessageChannel(), new MessageChannel()];
    links.attach(2, earlier.port1);
    send(earlier, 1, 2, 3);
    await until(() => frames.includes(1));
    const before = [...frames];
    send(earlier, ...Array.from({ length: 50 }, () => 9));
    links.attach(2, later.port1);
    send(later, 4, 5);
    await until(() => frames.includes(5));
    await new Promise((resolve) => earlier.port2.once('close', resolve));
    // After another turn of the event loop nothing of the closed channel is in transit.
    await new Promise((resolve) => setImmediate(resolve));
    expect(frames).not.toContain(9);
    expect(frames.slice(0, before.length)).toEqual(before);
    expect(frames.slice(-2)).toEqual([4, 5]);
    // Once: the end of the earlier channel is not reported again.
    expect(lost).toEqual([2]);
  });

  it('deliver frames that arrived on a channel before its other end was closed', async () => {
    const { links, frames, lost, until } = noted();
    const channel = new MessageChannel();
    links.attach(2, channel.port1);
    send(channel, 1, 2, 3);
    channel.port2.close();
    await until(() => lost.length > 0);
    expect(frames).toEqual([1, 2, 3]);
    expect(lost).toEqual([2]);
  });
});

describe('faults of links', () => {
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

  it('that block a partner lose its frames only, and only while they last', async () => {
    const { one, two } = connected();
    const other = noted();
    const { port1, port2 } = new MessageChannel();
    one.links.attach(3, port1);
    other.links.attach(1, port2);
    one.links.setFaults({ ...NO_FAULTS, blocked: [2] });
    one.links.send(2, frame(1));
    one.links.send(3, frame(1));
    // Frames to the sender are not its own to lose.
    two.links.send(1, frame(5));
    one.links.setFaults(NO_FAULTS);
    one.links.send(2, frame(2));
    await two.until(() => two.frames.includes(2));
    await other.until(() => other.frames.includes(1));
    await one.until(() => one.frames.includes(5));
    expect(two.frames).toEqual([2]);
  });

  it('that drop frames lose their share of them, the same for the same seed', async () => {
    const deliveredBy = async (dropProbability: number): Promise<number[]> => {
      const { one, two } = connected();
      one.links.setFaults({ ...NO_FAULTS, dropProbability });
      for (const value of range(1, 200)) one.links.send(2, frame(value));
      one.links.setFaults(NO_FAULTS);
      one.links.send(2, frame(255));
      await two.until(() => two.frames.includes(255));
      return two.frames.slice(0, -1);
    };
    const half = await deliveredBy(0.5);
    expect(half.length).toBeGreaterThan(60);
    expect(half.length).toBeLessThan(140);
    expect(half).toEqual([...half].sort((a, b) => a - b));
    expect(await deliveredBy(0.5)).toEqual(half);
    expect(await deliveredBy(1)).toEqual([]);
    expect(await deliveredBy(0)).toEqual(range(1, 200));
  });

  it('that delay frames keep their order, also for frames that are sent after the delay is over', async () => {
    const { one, two } = connected();
    one.links.setFaults({ ...NO_FAULTS, delay: { fromMs: 1, toMs: 3 } });
    for (const value of range(1, 150)) {
      one.links.send(2, frame(value));
      // Different fractions of a millisecond between frames that are sent in one turn of the event loop.
      for (const untilMs = performance.now() + (value % 7) / 20; performance.now() < untilMs; );
    }
    one.links.setFaults(NO_FAULTS);
    for (const value of range(151, 160)) one.links.send(2, frame(value));
    await two.until(() => two.frames.length === 160);
    expect(two.frames).toEqual(range(1, 160));
    // The delayed frames were sent: the next one is posted at once.
    const last = frame(161);
    one.links.send(2, last);
    expect(last.byteLength).toBe(0);
    await two.until(() => two.frames.includes(161));
  });

  it('that drop and delay frames drop each with the probability once', async () => {
    const { one, two } = connected();
    one.links.setFaults({ ...NO_FAULTS, dropProbability: 0.5, delay: { fromMs: 0, toMs: 1 } });
    for (const value of range(1, 200)) one.links.send(2, frame(value));
    // Later than all of them.
    await new Promise((resolve) => setTimeout(resolve, 5));
    one.links.setFaults(NO_FAULTS);
    one.links.send(2, frame(255));
    await two.until(() => two.frames.includes(255));
    expect(two.frames.length).toBeGreaterThan(75);
    expect(two.frames.length).toBeLessThan(125);
  });

  it('that delay frames do not deliver them before their time', async () => {
    const { one, two } = connected();
    one.links.setFaults({ ...NO_FAULTS, delay: { fromMs: 30, toMs: 30 } });
    const sentMs = performance.now();
    one.links.send(2, frame(1));
    await two.until(() => two.frames.length === 1);
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(30);
  });

  it('that begin while a frame is delayed lose it, as it is sent only then', async () => {
    const { one, two } = connected();
    one.links.setFaults({ ...NO_FAULTS, delay: { fromMs: 5, toMs: 5 } });
    one.links.send(2, frame(1));
    one.links.setFaults({ ...NO_FAULTS, delay: { fromMs: 5, toMs: 5 }, blocked: [2] });
    // A frame to another partner that is delayed as long: when it arrives, the time of the first is over.
    const other = noted();
    const { port1, port2 } = new MessageChannel();
    one.links.attach(3, port1);
    other.links.attach(1, port2);
    one.links.send(3, frame(3));
    await other.until(() => other.frames.length === 1);
    // A timer may fire up to a millisecond early: after another such time the first is over for certain.
    one.links.send(3, frame(4));
    await other.until(() => other.frames.length === 2);
    one.links.setFaults(NO_FAULTS);
    one.links.send(2, frame(2));
    await two.until(() => two.frames.includes(2));
    expect(two.frames).toEqual([2]);
  });

  it('do not outlive the links: a delayed frame is not sent after they were closed', async () => {
    const { one, two } = connected();
    one.links.setFaults({ ...NO_FAULTS, delay: { fromMs: 1, toMs: 1 } });
    one.links.send(2, frame(1));
    one.links.close();
    await two.until(() => two.lost.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(two.frames).toEqual([]);
  });
});
