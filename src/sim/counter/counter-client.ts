import { ByteWriter } from '../../base/bytes.ts';
import {
  type ClientFrame,
  READ_CONSISTENCIES,
  type ReadConsistency,
  readServerFrames,
  writeClientFrame,
} from '../../protocol/client-frame.ts';
import type { SimCluster } from '../sim-cluster.ts';
import type { SimRandom } from '../sim-random.ts';
import { Violation } from '../violation.ts';
import type { CounterModel } from './counter-model.ts';
import { CounterCode, type CounterOperation, counterRequest, readCounterReply } from './counter-request.ts';

const READ_SHARE = 0.3;
const AMOUNT_MAX = 255;
/** Connections of one client differ by this number. */
const CONNECTIONS_APART = 1_000;

interface Call {
  readonly sequence: number;
  readonly operation: CounterOperation;
  /** Undefined for a change. */
  readonly consistency: ReadConsistency | undefined;
  /** What a read must see at least. */
  readonly valueMin: number;
  /** How often it was sent. */
  sends: number;
}

/** A client of the counter with one request at a time, which it repeats until there is a reply. */
export class CounterClient {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #model: CounterModel;
  /** The client's id in requests, and the number of its channels; another one after a restart. */
  #id: number;
  #sequence = 0;
  #call: Call | undefined;
  #left: number;
  /** Whether the cluster is believed to have `add`. */
  #hasAdd = true;

  constructor(cluster: SimCluster, id: number, random: SimRandom, model: CounterModel) {
    this.#cluster = cluster;
    this.#id = id;
    this.#random = random;
    this.#model = model;
    this.#left = cluster.plan.operations;
  }

  get connection(): number {
    return this.#id;
  }

  get isIdle(): boolean {
    return this.#call === undefined;
  }

  start(): void {
    this.#cluster.schedule.after(this.#random.between(1, 120), () => {
      if (this.#left <= 0) return;
      this.#left -= 1;
      if (this.#call === undefined) this.#begin();
      this.start();
    });
  }

  /** Starts nothing more; an operation in progress continues. */
  stop(): void {
    this.#left = 0;
  }

  /** The client's process ends, and another one replaces it: whether its request is executed stays unknown. */
  restart(): void {
    this.#id += CONNECTIONS_APART;
    this.#sequence = 0;
    this.#call = undefined;
  }

  onPacket(packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      if (frame.type === 'reply') this.#onReply(frame.reply);
      else if (frame.type === 'rejected' && frame.client === this.#id && frame.sequence === this.#call?.sequence)
        this.#onRejected(this.#call, frame.code, frame.message);
    }
  }

  #begin(): void {
    this.#sequence += 1;
    const isRead = this.#random.withProbability(READ_SHARE);
    const operation = isRead ? READ : this.#change();
    const consistency = isRead ? this.#random.of<ReadConsistency>(['linearizable', ...READ_CONSISTENCIES]) : undefined;
    const valueMin = consistency === undefined || consistency === 'stale' ? 0 : this.#model.acknowledged;
    this.#call = { sequence: this.#sequence, operation, consistency, valueMin, sends: 0 };
    if (!isRead) this.#model.onSent(operation.amount);
    this.#send(this.#call);
  }

  #change(): CounterOperation {
    if (!this.#hasAdd || this.#random.withProbability(0.5)) return { code: CounterCode.increment, amount: 1 };
    return { code: CounterCode.add, amount: 1 + this.#random.below(AMOUNT_MAX) };
  }

  #send(call: Call): void {
    call.sends += 1;
    const request = counterRequest(this.#id, call.sequence, call.operation);
    const { consistency } = call;
    const frame: ClientFrame = consistency === undefined ? { type: 'request', request } : { type: 'query', consistency, request };
    const to = new ByteWriter(64);
    writeClientFrame(to, frame);
    this.#cluster.sendToNode(this.#id, this.#target(), to.copy());
    this.#sendAgainAfter(call, this.#random.between(150, 700));
  }

  /** Unless there is a reply, or it was sent again for another reason, in the meantime. */
  #sendAgainAfter(call: Call, delayMs: number): void {
    const { sends } = call;
    this.#cluster.schedule.after(delayMs, () => {
      if (this.#call === call && call.sends === sends) this.#send(call);
    });
  }

  /** Preferably a node that may have been deposed without noticing it. */
  #target(): number {
    const suspect = this.#random.withProbability(0.5) ? this.#cluster.oldestLeader()?.id : undefined;
    return suspect ?? this.#random.of(this.#cluster.nodeIds());
  }

  #onReply(reply: Uint8Array): void {
    const { client, sequence, value } = readCounterReply(reply);
    const call = this.#call;
    if (client !== this.#id || sequence !== call?.sequence) return;
    if (value === undefined)
      throw new Violation('replies fit their requests', `request ${sequence} of client ${client} counts as a late copy`);
    this.#call = undefined;
    const { coverage } = this.#cluster;
    if (call.consistency !== undefined) coverage.add(`${call.consistency} query answered`);
    if (call.sends > 1) coverage.add('request answered that had been sent again');
    if (call.consistency === undefined) this.#model.onChanged(call.operation.amount, value);
    else this.#model.onRead(call.consistency, value, call.valueMin);
  }

  #onRejected(call: Call, code: string, message: string): void {
    if (code === 'VERSION') {
      // Another copy of it may still be executed, unless the next request of this client is first.
      this.#hasAdd = false;
      this.#call = undefined;
      return;
    }
    if (code !== 'NO_LEADER' && code !== 'OVERLOADED') throw new Violation('valid requests are taken', message);
    if (call.consistency !== undefined) this.#cluster.coverage.add('request turned away');
    this.#sendAgainAfter(call, this.#random.between(5, 60));
  }
}

const READ: CounterOperation = { code: CounterCode.read, amount: 0 };
