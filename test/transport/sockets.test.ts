import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HandshakeError } from '../../src/base/errors.ts';
import { type DialOptions, dialSocket } from '../../src/transport/dial-socket.ts';
import { frameHeader } from '../../src/transport/frame-splitter.ts';
import type { SocketChannel } from '../../src/transport/socket-channel.ts';
import { SocketServer, type SocketServerOptions } from '../../src/transport/socket-server.ts';

const text = (frame: Uint8Array): string => Buffer.from(frame).toString();
const bytes = (value: string): Uint8Array => Buffer.from(value);

function aFolder(...names: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), 'jobraft-socket-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, ...names);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A server that sends back what it receives, and greets with the name that it got. */
async function anEcho(options: Partial<SocketServerOptions> = {}): Promise<{ path: string; closed: string[]; server: SocketServer }> {
  const path = options.path ?? join(aFolder(), 'echo.sock');
  const closed: string[] = [];
  const server = new SocketServer({
    path,
    folder: 'dataDir',
    frameBytesMax: 1_000,
    unsentBytesMax: 1_000_000,
    onHello: (hello, channel) => {
      if (hello === 'eve') throw new HandshakeError('Eve is not accepted.');
      return { welcome: `hello ${hello}`, onFrame: (frame) => channel.send(frame), onClosed: () => closed.push(String(hello)) };
    },
    ...options,
  });
  await server.listen();
  onTestFinished(() => server[Symbol.dispose]());
  return { path, closed, server };
}

interface Dialer {
  readonly channel: SocketChannel;
  readonly received: string[];
  /** The error with which the channel closes. */
  readonly closed: Promise<Error | undefined>;
  /** Resolves once this many frames have arrived, the welcome included. */
  arrived(count: number): Promise<void>;
}

function dial(path: string, options: Partial<DialOptions> = {}): Dialer {
  const received: string[] = [];
  let onClosed: (error: Error | undefined) => void = () => undefined;
  const closed = new Promise<Error | undefined>((resolve) => {
    onClosed = resolve;
  });
  let notify: () => void = () => undefined;
  const add = (what: string): void => {
    received.push(what);
    notify();
  };
  const channel = dialSocket({
    path,
    folder: 'dataDir',
    hello: 'ada',
    frameBytesMax: 1_000,
    unsentBytesMax: 1_000_000,
    onWelcome: (welcome) => add(String(welcome)),
    onFrame: (frame) => add(text(frame)),
    onClosed,
    ...options,
  });
  onTestFinished(() => channel.close());
  const arrived = async (count: number): Promise<void> => {
    while (received.length < count)
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
  };
  return { channel, received, closed, arrived };
}

describe('a channel over a Unix socket', () => {
  it('carries frames in order, those from before the welcome included', async () => {
    const { path } = await anEcho();
    const { channel, received, arrived } = dial(path);
    for (let n = 0; n < 100; n += 1) channel.send(bytes(`frame ${n}`));
    await arrived(101);
    expect(received).toEqual(['hello ada', ...Array.from({ length: 100 }, (_, n) => `frame ${n}`)]);
  });

  it('notifies the server once when the other side is gone', async () => {
    const { path, closed } = await anEcho();
    const { channel, arrived } = dial(path);
    await arrived(1);
    channel.close();
    await expect.poll(() => closed).toEqual(['ada']);
  });

  it('is closed with the reason when the server rejects its first frame', async () => {
    const { path } = await anEcho();
    const { closed, received } = dial(path, { hello: 'eve' });
    expect(await closed).toEqual(new HandshakeError('Eve is not accepted.'));
    expect(received).toEqual([]);
  });

  it('is closed when no server listens, and where there is no folder', async () => {
    const folder = aFolder();
    expect(await dial(join(folder, 'none.sock')).closed).toMatchObject({ code: 'ENOENT' });
    const long = join(folder, 'x'.repeat(120), 'none.sock');
    expect(await dial(long).closed).toMatchObject({ code: 'ENOENT' });
  });

  it('is closed when the server is', async () => {
    const { path, server } = await anEcho();
    const { closed, arrived } = dial(path);
    await arrived(1);
    server[Symbol.dispose]();
    expect(await closed).toBeUndefined();
  });

  it('is closed when its frame is larger than allowed, and the server accepts others', async () => {
    const { path, closed } = await anEcho();
    const large = dial(path);
    large.channel.send(new Uint8Array(1_001));
    await large.closed;
    expect(closed).toEqual(['ada']);
    const other = dial(path);
    await other.arrived(1);
    expect(other.received).toEqual(['hello ada']);
  });

  it('is closed when the other side does not read', async () => {
    let toClient: SocketChannel | undefined;
    const gone = new Promise<void>((resolve) => {
      void anEcho({
        path: join(aFolder(), 'slow.sock'),
        unsentBytesMax: 100_000,
        onHello: (_hello, channel) => {
          toClient = channel;
          return { welcome: '', onFrame: () => undefined, onClosed: resolve };
        },
      }).then(({ path }) => {
        const { channel } = dial(path, { onWelcome: () => channel.pause(), frameBytesMax: 1_000_000 });
      });
    });
    await expect.poll(() => toClient).toBeDefined();
    const frame = new Uint8Array(100_000);
    for (let sent = 0; sent < 1_000 && toClient?.isClosed === false; sent += 1) {
      toClient.send(frame);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await gone;
  });
});

describe('the server of a Unix socket', () => {
  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['half a frame', Buffer.concat([frameHeader(20), bytes('"ad')])],
    ['a frame that is no JSON', Buffer.concat([frameHeader(3), bytes('ada')])],
    ['a huge first frame', Buffer.concat([frameHeader(0xffffffff), Buffer.alloc(100_000)])],
    ['nothing', Buffer.alloc(0)],
  ])('goes on after a client that sends %s', async (_what, sent) => {
    const { path } = await anEcho();
    const socket = connect(path);
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.write(sent, () => resolve()));
    const { received, arrived } = dial(path);
    await arrived(1);
    expect(received).toEqual(['hello ada']);
    socket.destroy();
  });

  it('closes channels that send nothing', async () => {
    // No time passes but that which the test lets pass: however busy the machine is, a client that sends its first frame is in time.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { path } = await anEcho();
    let open = 100;
    for (let n = 0; n < 100; n += 1)
      connect(path)
        .on('error', () => undefined)
        .on('close', () => {
          open -= 1;
        });
    while (open > 0) {
      vi.advanceTimersByTime(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { received, arrived } = dial(path);
    await arrived(1);
    expect(received).toEqual(['hello ada']);
  });

  it('lets only its own user connect', async () => {
    const { path } = await anEcho();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('takes the path from a server that was killed', async () => {
    const { path } = await anEcho();
    // The name remains when a process is killed; here another server still has it.
    const next = await anEcho({ path });
    expect(next.path).toBe(path);
    const { received, arrived } = dial(path);
    await arrived(1);
    expect(received).toEqual(['hello ada']);
  });

  it.runIf(process.platform === 'linux')('may have a path longer than the 107 bytes that the system takes', async () => {
    const path = join(aFolder('a'.repeat(100), 'b'.repeat(100)), 'long.sock');
    await anEcho({ path });
    const { received, arrived } = dial(path);
    await arrived(1);
    expect(received).toEqual(['hello ada']);
    expect(statSync(path).isSocket()).toBe(true);
  });
});
