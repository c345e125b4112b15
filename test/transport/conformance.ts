import { describe, expect, it, onTestFinished } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { HandshakeError } from '../../src/base/errors.ts';
import { makeGeneration } from '../../src/base/generation.ts';
import { type PeerPart, writePeerPart } from '../../src/transport/peer-frame.ts';
import type { PeerIdentity } from '../../src/transport/peer-identity.ts';
import type { PeerChannelEvents, PeerChannels } from '../../src/transport/port.ts';

/** One life of a node. */
export interface Member extends AsyncDisposable {
  readonly node: number;
  send(to: number, frame: Uint8Array): void;
}

/** The transports of one kind that reach each other. */
export interface TestNetwork {
  /** Starts the next life of a node; an earlier one goes on, as a process that does not know that it was replaced. */
  start(node: number, events: PeerChannelEvents): Promise<Member>;
}

/** Transports whose channels are opened by the nodes themselves. */
export interface DialledNetwork extends TestNetwork {
  /** @param listensAs the node at whose address it listens, if not its own. @param unsentBytesMax what may wait to be sent to a peer. */
  startAs(
    identity: PeerIdentity,
    events: PeerChannelEvents,
    options?: { readonly listensAs?: number; readonly unsentBytesMax?: number },
  ): Promise<DialledMember>;
}

export interface DialledMember extends Member {
  readonly peers: PeerChannels;
}

/** Resolves once `isDone`; the test's own limit ends one that never is. */
export async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** @param text in a request that is forwarded. */
export function aFrame(...texts: readonly string[]): Uint8Array {
  const writer = new ByteWriter();
  for (const text of texts) writePeerPart(writer, { type: 'forward', connection: 1, request: new TextEncoder().encode(text) });
  return writer.copy();
}

/** Records what arrives at a node. */
export class Recorder implements PeerChannelEvents {
  readonly received: string[] = [];
  readonly lost: number[] = [];
  bytes = 0;
  /** Whether `slice` of what arrived copies, as the core relies on: that of a Buffer would not. */
  areCopied = true;
  /** What it reports as unread. */
  unread = 0;

  onParts(from: number, parts: readonly PeerPart[], bytes: number): number {
    this.bytes += bytes;
    for (const part of parts) {
      if (part.type !== 'forward') continue;
      this.received.push(`${from}: ${new TextDecoder().decode(part.request)}`);
      this.areCopied &&= part.request.slice().buffer !== part.request.buffer;
    }
    return this.unread;
  }

  onLost(peer: number): void {
    this.lost.push(peer);
  }

  onReadable(): void {}
}

/** Sends until one arrives: a frame is lost while there is no channel. */
async function untilConnected(from: Member, to: number, recorder: Recorder): Promise<void> {
  const before = recorder.received.length;
  while (recorder.received.length === before) {
    from.send(to, aFrame('first'));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  // What was sent last has arrived as well: frames keep their order.
  from.send(to, aFrame('connected'));
  await until(() => recorder.received.at(-1) === `${from.node}: connected`);
  recorder.received.length = 0;
  recorder.bytes = 0;
}

const finish = <Value extends AsyncDisposable>(value: Value): Value => {
  onTestFinished(() => value[Symbol.asyncDispose]());
  return value;
};

async function two(network: TestNetwork): Promise<{ one: Member; other: Member; atOne: Recorder; atOther: Recorder }> {
  const [atOne, atOther] = [new Recorder(), new Recorder()];
  const one = finish(await network.start(1, atOne));
  const other = finish(await network.start(2, atOther));
  await untilConnected(one, 2, atOther);
  await untilConnected(other, 1, atOne);
  return { one, other, atOne, atOther };
}

/** What every transport between nodes does. */
export function describeTransport(name: string, aNetwork: () => TestNetwork): void {
  describe(`the transport over ${name}`, () => {
    it('delivers frames in the order of sending, with their sender, whole', async () => {
      const { one, other, atOne, atOther } = await two(aNetwork());
      const large = 'x'.repeat(1_000_000);
      for (let n = 0; n < 300; n += 1) {
        one.send(2, aFrame(`${n}a`, `${n}b`));
        if (n % 100 === 0) one.send(2, aFrame(large));
        other.send(1, aFrame(String(n)));
      }
      await until(() => atOther.received.length === 603 && atOne.received.length === 300);
      const numbers = Array.from({ length: 300 }, (_, n) => n);
      expect(atOther.received).toEqual(numbers.flatMap((n) => [`1: ${n}a`, `1: ${n}b`, ...(n % 100 === 0 ? [`1: ${large}`] : [])]));
      expect(atOne.received).toEqual(numbers.map((n) => `2: ${n}`));
      expect([atOne.areCopied, atOther.areCopied]).toEqual([true, true]);
    });

    it('reports a peer that ended, and delivers to its next life', async () => {
      const network = aNetwork();
      const { one, other, atOne } = await two(network);
      await other[Symbol.asyncDispose]();
      await until(() => atOne.lost.includes(2));
      one.send(2, aFrame('lost'));
      const atNext = new Recorder();
      const next = finish(await network.start(2, atNext));
      await untilConnected(one, 2, atNext);
      await untilConnected(next, 1, atOne);
      expect(atNext.received).toEqual([]);
    });

    it('counts nothing of an earlier life once a later one has a channel', async () => {
      const network = aNetwork();
      const { one, other, atOne } = await two(network);
      const next = finish(await network.start(2, new Recorder()));
      await untilConnected(next, 1, atOne);
      for (let n = 0; n < 10; n += 1) other.send(1, aFrame('late'));
      next.send(1, aFrame('last'));
      await until(() => atOne.received.includes('2: last'));
      expect(atOne.received).not.toContain('2: late');
      expect(atOne.lost).toContain(2);
      expect(one.node).toBe(1);
    });

    it('loses a frame to a node that there is no channel to', async () => {
      const { one, atOther } = await two(aNetwork());
      one.send(9, aFrame('nowhere'));
      one.send(2, aFrame('here'));
      await until(() => atOther.received.length > 0);
      expect(atOther.received).toEqual(['1: here']);
    });
  });
}

const ONE: PeerIdentity = { cluster: 77, node: 1, disk: 11, generation: makeGeneration(5, 1), life: 1_001 };
const TWO: PeerIdentity = { cluster: 77, node: 2, disk: 22, generation: makeGeneration(8, 1), life: 2_001 };

/** What the transports between processes do besides. */
export function describeDialledTransport(name: string, aNetwork: () => DialledNetwork): void {
  const rejectionOf = ({ peers }: DialledMember, node: number): HandshakeError | undefined =>
    peers.unreachable().find((peer) => peer.node === node)?.rejection;

  describe(`the transport over ${name}, whose channels nodes open`, () => {
    it.each([
      ['of another cluster', { ...TWO, cluster: 78 }, /Node 2 belongs to cluster 78, node 1 to cluster 77/],
      ['without a disk', { ...TWO, disk: Number.NaN }, /names no disk/],
    ])('rejects a node %s, with the reason, and takes nothing from it', async (_what, foreign, reason) => {
      const network = aNetwork();
      const [atOne, atForeign] = [new Recorder(), new Recorder()];
      const one = finish(await network.startAs(ONE, atOne));
      const other = finish(await network.startAs(foreign, atForeign, { listensAs: 2 }));
      await until(() => rejectionOf(other, 1) !== undefined);
      expect(rejectionOf(other, 1)).toBeInstanceOf(HandshakeError);
      expect(rejectionOf(other, 1)?.message).toMatch(reason);
      other.send(1, aFrame('foreign'));
      one.send(2, aFrame('foreign'));
      expect([...atOne.received, ...atForeign.received]).toEqual([]);
    });

    it('rejects a node that is called by the id of another one', async () => {
      const network = aNetwork();
      const one = finish(await network.startAs(ONE, new Recorder()));
      finish(await network.startAs({ ...TWO, node: 3 }, new Recorder(), { listensAs: 2 }));
      await until(() => rejectionOf(one, 2) !== undefined);
      expect(rejectionOf(one, 2)?.message).toMatch(/means node 2, and this is node 3/);
    });

    it('rejects an earlier life of a node, whose file has an earlier generation', async () => {
      const network = aNetwork();
      const atOne = new Recorder();
      finish(await network.startAs(ONE, atOne));
      const two = finish(await network.startAs(TWO, new Recorder()));
      await untilConnected(two, 1, atOne);
      const earlier = finish(
        await network.startAs({ ...TWO, generation: makeGeneration(7, 2), life: 2_000 }, new Recorder(), { listensAs: 3 }),
      );
      await until(() => rejectionOf(earlier, 1) !== undefined);
      expect(rejectionOf(earlier, 1)?.message).toMatch(/later life of node 2/);
      earlier.send(1, aFrame('early'));
      two.send(1, aFrame('last'));
      await until(() => atOne.received.includes('2: last'));
      expect(atOne.received).toEqual(['2: last']);
      expect(atOne.lost).toEqual([]);
    });

    it('does not use its channel to a life of a node once a later one calls', async () => {
      const network = aNetwork();
      const [atOne, atTwo] = [new Recorder(), new Recorder()];
      const one = finish(await network.startAs(ONE, atOne));
      const two = finish(await network.startAs(TWO, atTwo));
      await untilConnected(one, 2, atTwo);
      await untilConnected(two, 1, atOne);
      const later = finish(
        await network.startAs({ ...TWO, generation: makeGeneration(9, 2), life: 2_002 }, new Recorder(), { listensAs: 3 }),
      );
      await until(() => rejectionOf(one, 2) !== undefined);
      expect(rejectionOf(one, 2)?.message).toMatch(/listens an earlier life/);
      await untilConnected(later, 1, atOne);
      one.send(2, aFrame('for the later life'));
      two.send(1, aFrame('early'));
      later.send(1, aFrame('last'));
      await until(() => atOne.received.includes('2: last'));
      expect(atOne.received).toEqual(['2: last']);
      expect(atTwo.received).toEqual([]);
    });

    it('reports since when a peer has no channel, and opens one once the peer runs', async () => {
      const network = aNetwork();
      const beforeMs = performance.now();
      const one = finish(await network.startAs(ONE, new Recorder()));
      const [unreachable] = one.peers.unreachable().filter(({ node }) => node === 2);
      expect(unreachable?.sinceMs).toBeGreaterThanOrEqual(beforeMs);
      expect(unreachable?.sinceMs).toBeLessThanOrEqual(performance.now());
      const atTwo = new Recorder();
      finish(await network.startAs(TWO, atTwo));
      await untilConnected(one, 2, atTwo);
      expect(one.peers.unreachable().map(({ node }) => node)).not.toContain(2);
    });

    it('reads nothing more from a peer of which too much is unread, until the node has taken a turn', async () => {
      const network = aNetwork();
      const [atOne, atTwo] = [new Recorder(), new Recorder()];
      const one = finish(await network.startAs(ONE, atOne));
      const two = finish(await network.startAs(TWO, atTwo));
      await untilConnected(one, 2, atTwo);
      await untilConnected(two, 1, atOne);
      atTwo.unread = Number.POSITIVE_INFINITY;
      for (let n = 0; n < 60; n += 1) one.send(2, aFrame(`${n}`, 'x'.repeat(200_000)));
      await until(() => atTwo.received.length > 0);
      // As much in the other direction: there was time to read it.
      for (let n = 0; n < 60; n += 1) two.send(1, aFrame('x'.repeat(200_000)));
      await until(() => atOne.received.length >= 60);
      expect(atTwo.bytes).toBeLessThan(2_000_000);
      atTwo.unread = 0;
      const numbers = (): string[] => atTwo.received.filter((text) => text.length < 10);
      await until(() => {
        two.peers.onTurn();
        return numbers().length === 60;
      });
      expect(numbers()).toEqual(Array.from({ length: 60 }, (_, n) => `1: ${n}`));
    });

    it('closes the channel of a peer that does not read, so that a bounded number of bytes waits for it', async () => {
      const network = aNetwork();
      const [atOne, atTwo] = [new Recorder(), new Recorder()];
      const one = finish(await network.startAs(ONE, atOne, { unsentBytesMax: 1_000_000 }));
      finish(await network.startAs(TWO, atTwo));
      await untilConnected(one, 2, atTwo);
      atTwo.unread = Number.POSITIVE_INFINITY;
      let sent = 0;
      for (; !atOne.lost.includes(2); sent += 1) {
        one.send(2, aFrame('x'.repeat(100_000)));
        await new Promise((resolve) => setImmediate(resolve));
      }
      // What the system buffers, and what the two sides may hold.
      expect(sent).toBeLessThan(500);
      atTwo.unread = 0;
      await untilConnected(one, 2, atTwo);
    });
  });
}
