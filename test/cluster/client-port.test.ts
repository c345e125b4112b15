import type { MessagePort } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import type { ClientChannelHandlers } from '../../src/client/endpoint.ts';
import { openClientPort } from '../../src/cluster/client-port.ts';

/** A client's channel, and the port that its node has. */
function aChannel() {
  const packets: Uint8Array[] = [];
  let lost = 0;
  let wake: () => void = () => undefined;
  let nodePort: MessagePort | undefined;
  const channel = openClientPort(
    {
      onPacket: (packet) => {
        packets.push(packet);
        wake();
      },
      onLost: () => {
        lost += 1;
        wake();
      },
    },
    (port) => {
      nodePort = port;
    },
  );
  if (nodePort === undefined) throw new Error('The channel was opened without its other end.');
  const node = nodePort;
  onTestFinished(() => {
    channel.close();
    node.close();
  });
  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        if (isDone()) resolve();
      };
      wake();
    });
  return { channel, node, packets, lost: () => lost, until };
}

describe('a channel of a client', () => {
  it('delivers packets in both directions, in their order', async () => {
    const { channel, node, packets, until } = aChannel();
    const received: Uint8Array[] = [];
    const both = new Promise<void>((resolve) => {
      node.on('message', (packet: Uint8Array) => {
        if (received.push(packet) === 2) resolve();
      });
    });
    const sent = Uint8Array.of(1, 2);
    channel.send(sent);
    channel.send(Uint8Array.of(3));
    node.postMessage(Uint8Array.of(4));
    node.postMessage(Uint8Array.of(5));
    await both;
    await until(() => packets.length === 2);
    expect(received).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect(packets).toEqual([Uint8Array.of(4), Uint8Array.of(5)]);
    // The client may send the same request again.
    expect(sent).toEqual(Uint8Array.of(1, 2));
  });

  it('is lost once when the node closes its end', async () => {
    const { channel, node, lost, until } = aChannel();
    node.close();
    await until(() => lost() > 0);
    channel.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(lost()).toBe(1);
  });

  it('is not lost when the client closed it, and the node learns of it', async () => {
    const { channel, node, lost } = aChannel();
    const closed = new Promise((resolve) => node.once('close', resolve));
    channel.close();
    await closed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(lost()).toBe(0);
  });

  it.each([undefined, null, 5, 'a', {}, { onPacket: () => undefined }, { onPacket: 1, onLost: () => undefined }])(
    'is not opened with the handlers %j, and the node gets no port',
    (handlers) => {
      let isHanded = false;
      const open = () =>
        openClientPort(handlers as unknown as ClientChannelHandlers, () => {
          isHanded = true;
        });
      expect(open).toThrow(ConfigError);
      expect(open).toThrow(/onPacket and onLost/);
      expect(isHanded).toBe(false);
    },
  );

  it.each([undefined, null, 'bytes', [1, 2], new ArrayBuffer(2)])('sends nothing but packets, and not %j', (packet) => {
    const { channel } = aChannel();
    expect(() => channel.send(packet as unknown as Uint8Array)).toThrow(ConfigError);
  });
});
