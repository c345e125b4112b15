import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { SeededRandom } from '../../src/base/random.ts';

/** What a connection's other side may wait for; more is not read. */
const BUFFERED_BYTES_MAX = 1024 * 1024;
/** A lost segment is sent again after at least this long (Linux's TCP_RTO_MIN); each time that it is lost again takes twice as long. */
const RETRANSMISSION_MS = 200;

export interface LinkQuality {
  /** In each direction. */
  readonly delayMs: number;
  /** A random time on top, up to this. */
  readonly jitterMs: number;
  /** Of a segment, from 0 to 1. */
  readonly loss: number;
}

/** How long a segment takes through a link. A lost one takes as long as its retransmissions. */
export function transitMs({ delayMs, jitterMs, loss }: LinkQuality, nextUnit: () => number): number {
  let ms = delayMs + jitterMs * nextUnit();
  for (let retransmissionMs = RETRANSMISSION_MS; nextUnit() < loss; retransmissionMs *= 2) ms += retransmissionMs;
  return ms;
}

/**
 * A TCP proxy in place of a slow link: what a connection carries arrives late, in order. A byte stream cannot lose bytes, so a loss is what TCP
 * makes of it: everything behind the lost segment waits for its retransmission.
 */
export class SlowLink implements AsyncDisposable {
  readonly #quality: LinkQuality;
  readonly #random: SeededRandom;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: { readonly host: string; readonly port: number }, quality: LinkQuality, random: SeededRandom) {
    this.#quality = quality;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = createConnection({ ...target, allowHalfOpen: true });
      this.#carry(near, far);
      this.#carry(far, near);
    });
  }

  /** Listens there, and connects each caller with `target`. */
  static async listen(
    at: { readonly host: string; readonly port: number },
    target: { readonly host: string; readonly port: number },
    quality: LinkQuality,
    random: SeededRandom,
  ): Promise<SlowLink> {
    const link = new SlowLink(target, quality, random);
    await new Promise<void>((resolve, reject) => link.#server.once('error', reject).listen(at, resolve));
    return link;
  }

  get port(): number {
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    const transit = new Transit(() => transitMs(this.#quality, () => this.#random.nextUnit()));
    let bufferedBytes = 0;
    from.setNoDelay(true).on('data', (segment) => {
      bufferedBytes += segment.length;
      if (bufferedBytes > BUFFERED_BYTES_MAX) from.pause();
      transit.add(() => {
        bufferedBytes -= segment.length;
        from.resume();
        if (!to.destroyed) to.write(segment);
      });
    });
    from.on('end', () => transit.add(() => to.end()));
    from.on('error', () => to.destroy()).on('close', () => this.#sockets.delete(from));
  }
}

/** What is in transit in one direction: it arrives in the order in which it was sent. */
class Transit {
  readonly #nextMs: () => number;
  readonly #queue: { readonly dueMs: number; readonly arrive: () => void }[] = [];
  #lastDueMs = 0;

  constructor(nextMs: () => number) {
    this.#nextMs = nextMs;
  }

  add(arrive: () => void): void {
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + this.#nextMs());
    this.#queue.push({ dueMs: this.#lastDueMs, arrive });
    if (this.#queue.length === 1) this.#wait();
  }

  #wait(): void {
    const [first] = this.#queue;
    if (first !== undefined) setTimeout(() => this.#arrive(), Math.max(0, first.dueMs - performance.now()));
  }

  #arrive(): void {
    const nowMs = performance.now();
    while (this.#queue[0] !== undefined && this.#queue[0].dueMs <= nowMs) this.#queue.shift()?.arrive();
    this.#wait();
  }
}
