import { packetOf, type RequestRejection } from '../../client/delivery/connection.ts';
import type { ClientChannel, ClientChannelHandlers } from '../../client/endpoint.ts';
import {
  ClientClosedError,
  deadlineRejection,
  finalRejection,
  InvalidOptionError,
  OverloadedError,
  RequestRejectedError,
} from '../../client/errors.ts';
import { unexpectedResult } from '../../client/result-errors.ts';
import { readServerFrames } from '../../protocol/client-frame.ts';
import { decodeReply, type OperationResult } from '../../protocol/reply.ts';
import { RequestEncoder, SESSION_ID_END } from '../../protocol/request-encoder.ts';
import type { RequestIdProto } from '../../transport/grpc/jobs-service.ts';
import { NoReplyError } from '../errors.ts';

/** Before a request is sent again that was rejected for a reason that passes. */
const PAUSE_MS = 50;
/** Without any reply to a request, it is sent again after this time. */
const SILENCE_MS = 2_000;
/** Of all requests without a reply; beyond it calls are rejected with OVERLOADED. */
const BYTES_MAX = 64 * 1024 * 1024;

/** One for each operation of a request, which has at least one. */
export type Results = readonly [OperationResult, ...OperationResult[]];

/** A call that waits for the reply to a request. */
interface Waiter {
  readonly onResults: (results: Results) => void;
  readonly onError: (error: Error) => void;
  readonly deadline: NodeJS.Timeout;
}

/** One number of a session, without a reply. A repetition that arrives meanwhile waits for the same reply. */
interface Pending {
  readonly client: number;
  readonly sequence: number;
  readonly operations: number;
  readonly packet: Uint8Array;
  readonly silenceMs: number;
  readonly waiters: Set<Waiter>;
  /** Sends that may have taken effect. */
  uncertainSends: number;
  rejection: RequestRejection | undefined;
  timer: NodeJS.Timeout | undefined;
}

export interface SessionRequest {
  readonly id: RequestIdProto;
  readonly write: (encoder: RequestEncoder) => void;
  /** Until the call fails. */
  readonly withinMs: number;
  /** How long a claim may wait at the leader, in addition. Default: 0. */
  readonly waitMs?: number;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
}

/**
 * Requests in the sessions of callers, which number them (`RequestId` in proto/jobraft.proto). The node's own queue of requests gets their bytes
 * and forwards them to the leader; they are sent again until there is a reply, which the session makes safe.
 */
export class SessionRequests implements Disposable {
  readonly #openChannel: (handlers: ClientChannelHandlers) => ClientChannel | undefined;
  readonly #random: () => number;
  readonly #encoder = new RequestEncoder();
  readonly #pending = new Map<string, Pending>();
  #bytes = 0;
  #channel: ClientChannel | undefined;
  #isDisposed = false;

  /**
   * @param openChannel to the node itself; undefined while it does not run.
   * @param random in [0, 1).
   */
  constructor(openChannel: (handlers: ClientChannelHandlers) => ClientChannel | undefined, random: () => number) {
    this.#openChannel = openChannel;
    this.#random = random;
  }

  /** Begins a session. @returns its id. @throws as {@link send} does. */
  async open({ withinMs, signal }: Pick<SessionRequest, 'withinMs' | 'signal'>): Promise<number> {
    const id = { session: SESSION_ID_END + Math.floor(this.#random() * SESSION_ID_END), sequence: 1, acknowledged_below: 1 };
    const [result] = await this.#send({ id, write: (encoder) => encoder.command('openSession', {}), withinMs, signal });
    if (result.ok && result.type === 'opened') return result.client;
    throw unexpectedResult(result);
  }

  /**
   * @returns the results of the operations, in their order: the first ones that a request of that number had.
   * @throws {JobraftError} without a reply in time, for a request that is invalid, or where an operation was rejected.
   */
  async send(request: SessionRequest): Promise<Results> {
    const { session, sequence, acknowledged_below: below } = request.id;
    checkWhole('request_id.session', session, 1, SESSION_ID_END - 1, 'Give the number that OpenSession replied.');
    checkWhole('request_id.sequence', sequence, 1, Number.MAX_SAFE_INTEGER, 'Give a whole number from 1 on.');
    checkWhole('request_id.acknowledged_below', below, 0, sequence, 'Give at most the sequence.');
    const results = await this.#send(request);
    const rejected = results.find(({ ok }) => !ok);
    if (rejected !== undefined) throw unexpectedResult(rejected);
    return results;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const pending of [...this.#pending.values()]) this.#end(pending, ({ onError }) => onError(new ClientClosedError('unknown')));
    this.#channel?.close();
    this.#channel = undefined;
  }

  async #send({ id, write, withinMs, waitMs = 0, signal }: SessionRequest): Promise<Results> {
    if (this.#isDisposed) throw new ClientClosedError();
    const pending = this.#pendingOf(id, write, waitMs);
    return await new Promise((resolve, reject) => {
      const waiter: Waiter = {
        onResults: resolve,
        onError: reject,
        deadline: setTimeout(() => this.#expire(pending, waiter), waitMs + withinMs),
      };
      pending.waiters.add(waiter);
      signal.addEventListener('abort', () => this.#cancel(pending, waiter), { once: true });
    });
  }

  #pendingOf({ session: client, sequence, acknowledged_below }: RequestIdProto, write: SessionRequest['write'], waitMs: number): Pending {
    const known = this.#pending.get(keyOf(client, sequence));
    if (known !== undefined) return known;
    this.#encoder.begin(client, sequence, acknowledged_below);
    write(this.#encoder);
    const packet = packetOf({ type: 'request', request: this.#encoder.finishedView() });
    if (this.#bytes + packet.length > BYTES_MAX && this.#pending.size > 0)
      throw new OverloadedError(`${this.#pending.size} calls with a request_id wait for replies here.`);
    const waits = { silenceMs: waitMs + SILENCE_MS, waiters: new Set<Waiter>(), uncertainSends: 0, rejection: undefined, timer: undefined };
    const pending: Pending = { client, sequence, operations: this.#encoder.operations, packet, ...waits };
    this.#bytes += packet.length;
    this.#pending.set(keyOf(client, sequence), pending);
    this.#transmit(pending);
    return pending;
  }

  #transmit(pending: Pending): void {
    this.#channel ??= this.#openChannel({ onPacket: (packet) => this.#onPacket(packet), onLost: () => this.#onLost() });
    const channel = this.#channel;
    if (channel !== undefined) {
      pending.uncertainSends += 1;
      channel.send(pending.packet);
    }
    this.#transmitAfter(pending, channel === undefined ? PAUSE_MS : pending.silenceMs);
  }

  #transmitAfter(pending: Pending, ms: number): void {
    clearTimeout(pending.timer);
    pending.timer = setTimeout(() => this.#transmit(pending), ms);
  }

  #onPacket(packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      if (frame.type === 'rejected') this.#onRejected(frame);
      if (frame.type !== 'reply') continue;
      const { client, sequence, results } = decodeReply(frame.reply);
      const pending = this.#pending.get(keyOf(client, sequence));
      if (pending === undefined) continue;
      const otherRequest = `Number ${sequence} of session ${client} was a request of ${results.length} operations, this one has ${pending.operations}. Give each request a number of its own.`;
      this.#end(pending, ({ onResults, onError }) => {
        if (isReplyTo(pending, results)) onResults(results);
        else onError(new RequestRejectedError('INVALID_REQUEST', otherRequest));
      });
    }
  }

  #onRejected(rejection: RequestRejection): void {
    const { client, sequence, code, message, outcome, retryAfterMs = 0 } = rejection;
    const pending = this.#pending.get(keyOf(client, sequence));
    if (pending === undefined) return;
    if (outcome === 'not-applied' && pending.uncertainSends > 0) pending.uncertainSends -= 1;
    pending.rejection = rejection;
    const error = finalRejection(code, message, pending.uncertainSends > 0 ? 'unknown' : 'not-applied');
    if (error === undefined) this.#transmitAfter(pending, Math.max(PAUSE_MS, retryAfterMs));
    else this.#end(pending, ({ onError }) => onError(error));
  }

  /** What was sent may have arrived. */
  #onLost(): void {
    this.#channel = undefined;
    for (const pending of this.#pending.values()) this.#transmitAfter(pending, PAUSE_MS);
  }

  #expire(pending: Pending, waiter: Waiter): void {
    const { uncertainSends, rejection } = pending;
    const error =
      uncertainSends > 0 ? new NoReplyError() : deadlineRejection('not-applied', { rejection, stoppedNodes: undefined, outage: undefined });
    this.#leave(pending, waiter);
    waiter.onError(error);
  }

  /** The caller is gone, and may repeat the call: a claim that waits ends now, with a reply that is remembered. */
  #cancel(pending: Pending, waiter: Waiter): void {
    if (!pending.waiters.has(waiter)) return;
    const { client, sequence } = pending;
    this.#leave(pending, waiter);
    if (pending.waiters.size === 0) this.#channel?.send(packetOf({ type: 'cancel-claim', client, sequence }));
    waiter.onError(new NoReplyError());
  }

  #leave(pending: Pending, waiter: Waiter): void {
    clearTimeout(waiter.deadline);
    pending.waiters.delete(waiter);
    if (pending.waiters.size === 0) this.#end(pending, () => undefined);
  }

  #end(pending: Pending, report: (waiter: Waiter) => void): void {
    clearTimeout(pending.timer);
    this.#pending.delete(keyOf(pending.client, pending.sequence));
    this.#bytes -= pending.packet.length;
    for (const waiter of pending.waiters) {
      clearTimeout(waiter.deadline);
      report(waiter);
    }
    pending.waiters.clear();
  }
}

const isReplyTo = ({ operations }: Pending, results: readonly OperationResult[]): results is Results =>
  results.length > 0 && results.length === operations;

const keyOf = (client: number, sequence: number): string => `${client}:${sequence}`;

function checkWhole(name: string, value: number, least: number, most: number, remedy: string): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) throw new InvalidOptionError(name, value, remedy);
}
