import { MessageChannel } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { PortLinks } from '../../src/transport/port-links.ts';

/** Links that record the delivered frames by their first byte. */
function noted() {
  const frames: number[] = [];
  const lost: number[] = [];
  let wake: () => void = () => undefined;
  const links = new PortLinks({
    random: new SeededRandom(1),
    onFrame: (_, frame) => frames.push(frame[0] ?? -1),
    onReadable: () => wake(),
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
  return { links, frames, lost, until };
}

function send(channel: MessageChannel, ...values: readonly number[]): void {
  for (const value of values) channel.port2.postMessage(Uint8Array.of(value));
}

it('only the later of two channels to one partner delivers frames, even those that had arrived on the earlier', async () => {
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

it('frames that arrived on a channel before its other end was closed are still delivered', async () => {
  const { links, frames, lost, until } = noted();
  const channel = new MessageChannel();
  links.attach(2, channel.port1);
  send(channel, 1, 2, 3);
  channel.port2.close();
  await until(() => lost.length > 0);
  expect(frames).toEqual([1, 2, 3]);
  expect(lost).toEqual([2]);
});
