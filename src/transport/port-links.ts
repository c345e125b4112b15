import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import type { SeededRandom } from '../base/random.ts';

/** What is done to frames on their way out, for tests and evaluation. */
export interface LinkFaults {
  /** Receivers that nothing reaches. */
  readonly blocked: readonly number[];
  /** Each frame waits a random time in [fromMs, toMs]; their order stays. */
  readonly delay: { readonly fromMs: number; readonly toMs: number } | undefined;
  /** Probability in [0, 1] that a frame is lost. */
  readonly dropProbability: number;
}

export const NO_FAULTS: LinkFaults = Object.freeze({ blocked: [], delay: undefined, dropProbability: 0 });

/** Most frames taken from one port in one turn, so that one loud sender cannot hold a turn open. */
const DRAIN_MAX = 1_024;

interface Link {
  readonly port: MessagePort;
  /** When the latest delayed frame leaves, monotonic ms; zero once it is known to have left. */
  busyUntilMs: number;
}

/**
 * Channels over MessagePorts, one for each partner. A port's `message` event only wakes the thread; the turn it starts then
 * drains every port synchronously, so that all that has arrived is handled together.
 */
export class PortLinks {
  readonly #links = new Map<number, Link>();
  readonly #random: SeededRandom;
  readonly #onFrame: (from: number, frame: Uint8Array) => void;
  readonly #onReadable: () => void;
  readonly #onClosed: (partner: number) => void;
  #faults: LinkFaults = NO_FAULTS;

  constructor(options: {
    readonly random: SeededRandom;
    readonly onFrame: (from: number, frame: Uint8Array) => void;
    /** At least one frame was handed to `onFrame`: time for a turn. */
    readonly onReadable: () => void;
    readonly onClosed: (partner: number) => void;
  }) {
    this.#random = options.random;
    this.#onFrame = options.onFrame;
    this.#onReadable = options.onReadable;
    this.#onClosed = options.onClosed;
  }

  /** Takes the place of an earlier channel to the same partner, which is lost with all that was on its way. */
  attach(partner: number, port: MessagePort): void {
    const earlier = this.#links.get(partner);
    const link: Link = { port, busyUntilMs: 0 };
    this.#links.set(partner, link);
    if (earlier !== undefined) {
      earlier.port.close();
      this.#onClosed(partner);
    }
    port.on('message', (frame: Uint8Array) => {
      // A port that was closed still hands on what had arrived: it comes from an earlier life of the partner, or from another of its name.
      if (this.#links.get(partner) !== link) return;
      this.#onFrame(partner, frame);
      this.#onReadable();
    });
    port.on('close', () => {
      if (this.#links.get(partner) !== link) return;
      this.#links.delete(partner);
      this.#onClosed(partner);
    });
  }

  setFaults(faults: LinkFaults): void {
    this.#faults = faults;
  }

  /** Hands on everything that has arrived and not yet woken the thread. */
  drain(): void {
    for (const [partner, { port }] of this.#links) {
      for (let count = 0; count < DRAIN_MAX; count += 1) {
        const received = receiveMessageOnPort(port);
        if (received === undefined) break;
        // Only nodes and clients of this cluster hold the other ends, and they post nothing but frames.
        this.#onFrame(partner, received.message as Uint8Array);
      }
    }
  }

  /** Posts `frame` and gives its memory away: nobody else may hold it. */
  send(to: number, frame: Uint8Array): void {
    const link = this.#links.get(to);
    if (link === undefined || this.#isLost(to)) return;
    const { delay } = this.#faults;
    if (delay === undefined && link.busyUntilMs === 0) {
      post(link.port, frame);
      return;
    }
    const nowMs = performance.now();
    if (delay === undefined && link.busyUntilMs <= nowMs) {
      link.busyUntilMs = 0;
      post(link.port, frame);
      return;
    }
    const wait = delay === undefined ? 0 : this.#random.nextBetween(delay.fromMs, delay.toMs);
    // One behind another, in order: a frame never overtakes.
    link.busyUntilMs = Math.max(link.busyUntilMs, nowMs + wait);
    setTimeout(() => {
      if (!this.#isLost(to)) post(link.port, frame);
    }, link.busyUntilMs - nowMs);
  }

  close(): void {
    const links = [...this.#links.values()];
    this.#links.clear();
    for (const { port } of links) port.close();
  }

  #isLost(to: number): boolean {
    const { blocked, dropProbability } = this.#faults;
    return blocked.includes(to) || (dropProbability > 0 && this.#random.nextUnit() < dropProbability);
  }
}

function post(port: MessagePort, frame: Uint8Array): void {
  // Outboxes copy each frame into memory of its own, which the log does not hold: it can be given away instead of copied again.
  port.postMessage(frame, [frame.buffer as ArrayBuffer]);
}
