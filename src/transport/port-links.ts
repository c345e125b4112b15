import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import type { SeededRandom } from '../base/random.ts';
import { DelayedFrames } from './delayed-frames.ts';

/** Faults injected into outgoing frames, for tests and evaluation. */
export interface LinkFaults {
  /** Receivers that are unreachable; a delayed frame is lost if its receiver is when its time comes. */
  readonly blocked: readonly number[];
  /** Each frame is delayed by a random time in [fromMs, toMs]; frames keep their order. */
  readonly delay: { readonly fromMs: number; readonly toMs: number } | undefined;
  /** Probability in [0, 1] that a frame is lost. */
  readonly dropProbability: number;
}

export const NO_FAULTS: LinkFaults = Object.freeze({ blocked: [], delay: undefined, dropProbability: 0 });

/** Most frames taken from one port in one turn, so that one busy sender cannot prolong a turn indefinitely. */
const DRAIN_MAX = 1_024;

interface Link {
  readonly port: MessagePort;
  readonly delayed: DelayedFrames;
}

export interface LinksOptions {
  readonly random: SeededRandom;
  readonly onFrame: (from: number, frame: Uint8Array) => void;
  /** At least one frame was passed to `onFrame`: a turn is due. */
  readonly onReadable: () => void;
  readonly onClosed: (partner: number) => void;
}

/**
 * Channels over MessagePorts, one for each partner. A port's `message` event only wakes the thread; the turn it starts then
 * drains every port synchronously, so that everything that has arrived is handled together.
 */
export class PortLinks {
  readonly #links = new Map<number, Link>();
  readonly #random: SeededRandom;
  readonly #onFrame: (from: number, frame: Uint8Array) => void;
  readonly #onReadable: () => void;
  readonly #onClosed: (partner: number) => void;
  #faults: LinkFaults = NO_FAULTS;

  constructor(options: LinksOptions) {
    this.#random = options.random;
    this.#onFrame = options.onFrame;
    this.#onReadable = options.onReadable;
    this.#onClosed = options.onClosed;
  }

  /** Replaces an earlier channel to the same partner; frames in transit on that channel are lost. */
  attach(partner: number, port: MessagePort): void {
    const earlier = this.#links.get(partner);
    const delayed = new DelayedFrames((frame) => {
      if (!this.#faults.blocked.includes(partner)) post(port, frame);
    });
    const link: Link = { port, delayed };
    this.#links.set(partner, link);
    if (earlier !== undefined) {
      closeLink(earlier);
      this.#onClosed(partner);
    }
    port.on('message', (frame: Uint8Array) => {
      // A closed port still delivers what had arrived: it comes from an earlier life of the partner, or from another partner of the same
      // id.
      if (this.#links.get(partner) !== link) return;
      this.#onFrame(partner, frame);
      this.#onReadable();
    });
    port.on('close', () => {
      if (this.#links.get(partner) !== link) return;
      this.#links.delete(partner);
      delayed.clear();
      this.#onClosed(partner);
    });
  }

  setFaults(faults: LinkFaults): void {
    this.#faults = faults;
  }

  /** Delivers everything that has arrived and not yet woken the thread. */
  drain(): void {
    for (const [partner, { port }] of this.#links) {
      for (let count = 0; count < DRAIN_MAX; count += 1) {
        const received = receiveMessageOnPort(port);
        if (received === undefined) break;
        // Only nodes and clients of this cluster have the other ends, and they post nothing but frames.
        this.#onFrame(partner, received.message as Uint8Array);
      }
    }
  }

  /** Posts `frame` and transfers its memory: nothing else may reference it. */
  send(to: number, frame: Uint8Array): void {
    const link = this.#links.get(to);
    if (link === undefined || this.#isLost(to)) return;
    const { delay } = this.#faults;
    // A frame never overtakes another.
    if (delay === undefined && link.delayed.isEmpty) post(link.port, frame);
    else link.delayed.add(frame, delay === undefined ? 0 : this.#random.nextBetween(delay.fromMs, delay.toMs));
  }

  close(): void {
    const links = [...this.#links.values()];
    this.#links.clear();
    for (const link of links) closeLink(link);
  }

  #isLost(to: number): boolean {
    const { blocked, dropProbability } = this.#faults;
    return blocked.includes(to) || (dropProbability > 0 && this.#random.nextUnit() < dropProbability);
  }
}

function closeLink({ port, delayed }: Link): void {
  delayed.clear();
  port.close();
}

function post(port: MessagePort, frame: Uint8Array): void {
  // Outboxes copy each frame into memory that the log does not reference: it can be transferred instead of copied again.
  port.postMessage(frame, [frame.buffer as ArrayBuffer]);
}
