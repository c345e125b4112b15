import { ByteWriter } from '../base/bytes.ts';
import { readServerFrames, writeClientFrame } from '../protocol/client-frame.ts';
import { decodeReply } from '../protocol/reply.ts';
import { SESSION_ID_END } from '../protocol/request-encoder.ts';
import type { OperationWriter } from './operation-recorder.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import type { Step } from './sim-step.ts';
import { Version1Encoder } from './version-1-encoder.ts';
import { checkProperty } from './violation.ts';

interface Request {
  readonly sequence: number;
  readonly packet: Uint8Array;
  readonly steps: readonly Step[];
  sends: number;
}

/**
 * Sends requests as clients of state-machine version 1 did; the production client needs a newer version. Each request goes to random nodes
 * until it has a reply. In plans with that version no session ends.
 */
export class Version1Sender {
  readonly #cluster: SimCluster;
  readonly #connection: number;
  readonly #random: SimRandom;
  readonly #onOtherVersion: () => void;
  readonly #encoder = new Version1Encoder();
  readonly #unanswered = new Map<number, Request>();
  /** The number of the opening is the session's id, unless the cluster has a newer version by then. */
  #session: number;
  #sequence = 1;
  #isOpen = false;
  #isOver = false;

  /** @param onOtherVersion called when the cluster rejects a request because it has a newer version. */
  constructor(cluster: SimCluster, connection: number, random: SimRandom, onOtherVersion: () => void) {
    this.#cluster = cluster;
    this.#connection = connection;
    this.#random = random;
    this.#onOtherVersion = onOtherVersion;
    this.#session = SESSION_ID_END + connection * 1_000;
    this.#send(1, (encoder) => encoder.command('openSession', {}), []);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** @param write writes the operations, and returns a step for each. */
  send(write: (encoder: OperationWriter) => readonly Step[]): void {
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.#encoder.begin(this.#session, sequence, Math.min(sequence, ...this.#unanswered.keys()));
    this.#submit(sequence, write(this.#encoder));
  }

  onPacket(packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      if (frame.type === 'reply') this.#onReply(frame.reply);
      else if (frame.type === 'rejected') this.#onRejected(frame.client, frame.sequence, frame.code, frame.message);
    }
  }

  /** The client's process ends; the outcome of its requests is unknown. */
  end(): void {
    this.#isOver = true;
    for (const { steps } of this.#unanswered.values()) for (const step of steps) step.giveUp();
    this.#unanswered.clear();
  }

  #send(sequence: number, write: (encoder: Version1Encoder) => void, steps: readonly Step[]): void {
    this.#encoder.begin(this.#session, sequence, 1);
    write(this.#encoder);
    this.#submit(sequence, steps);
  }

  #submit(sequence: number, steps: readonly Step[]): void {
    const to = new ByteWriter(256);
    writeClientFrame(to, { type: 'request', request: this.#encoder.finish() });
    const request: Request = { sequence, packet: to.copy(), steps, sends: 0 };
    this.#unanswered.set(sequence, request);
    this.#repeat(request);
  }

  #repeat(request: Request): void {
    if (this.#isOver || this.#unanswered.get(request.sequence) !== request) return;
    request.sends += 1;
    this.#cluster.sendToNode(this.#connection, this.#random.of(this.#cluster.nodeIds()), request.packet);
    this.#cluster.schedule.after(this.#random.between(100, 700), () => this.#repeat(request));
  }

  #onReply(bytes: Uint8Array): void {
    const { client, sequence, results } = decodeReply(bytes);
    const request = this.#unanswered.get(sequence);
    if (client !== this.#session || request === undefined) return;
    this.#unanswered.delete(sequence);
    if (!this.#isOpen) {
      const [opened] = results;
      if (opened?.ok === true && opened.type === 'opened') {
        this.#session = opened.client;
        this.#sequence = 0;
      }
      this.#isOpen = true;
      return;
    }
    checkProperty(
      results.length === request.steps.length,
      'replies are whole',
      () => `a request of ${request.steps.length} got ${results.length} results`,
    );
    request.steps.forEach((step, at) => {
      const result = results[at];
      if (result !== undefined) step.settle(result);
    });
  }

  /** An earlier sending may be executed in version 1. */
  #onRejected(client: number, sequence: number, code: string, message: string): void {
    const request = this.#unanswered.get(sequence);
    if (client !== this.#session || request === undefined) return;
    if (code === 'TOO_LARGE') {
      this.#unanswered.delete(sequence);
      const isCaused = request.steps.some(({ isOversized }) => isOversized === true);
      checkProperty(isCaused, 'valid requests are taken', () => message);
      for (const step of request.steps) step.reject(step.isOversized === true ? code : 'REQUEST_REJECTED');
      return;
    }
    if (code === 'VERSION') {
      this.#unanswered.delete(sequence);
      for (const step of request.steps) {
        if (request.sends > 1) step.giveUp();
        else step.reject(code);
      }
      this.#onOtherVersion();
      return;
    }
    const isTemporary = code === 'NO_LEADER' || code === 'OVERLOADED' || code === 'RETRY_LATER';
    checkProperty(isTemporary, 'valid requests are taken', () => `${code}: ${message}`);
  }
}
