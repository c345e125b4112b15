import { ConfigError } from '../base/errors.ts';
import { Schedule } from '../base/schedule.ts';
import type { ClientTimer } from '../client/clock.ts';
import type { ClientChannel, ClientChannelHandlers } from '../client/endpoint.ts';
import { CHANNEL_HANDLERS, parseSettings } from '../cluster/cluster-arguments.ts';
import { errorOfThread } from '../cluster/node-handle.ts';
import { InProcessNode } from './in-process-node.ts';

/** The way between a client's process and the nodes. */
export interface Link {
  readonly isConnected: boolean;
}

/** How many turns of the event loop without an event show that nothing more follows from the last one. */
const QUIET_TURNS = 5;
/** Events in virtual time that run in one turn of the event loop. */
const EVENTS_PER_TURN = 10_000;
/** An election takes a few seconds of virtual time. */
const ELECTION_MS_MAX = 3_600_000;

interface OpenChannel {
  readonly node: InProcessNode;
  readonly handlers: ClientChannelHandlers;
  readonly link: Link;
}

/**
 * The nodes of a cluster and the channels between them and its clients, all in the caller's thread. Messages take no virtual time: whatever
 * is due is done in the next turns of the event loop, and time passes only in {@link runUntil}.
 */
export class InProcessNodes {
  readonly schedule = new Schedule();
  readonly #nodes: readonly InProcessNode[];
  readonly #channels = new Map<number, OpenChannel>();
  #nextConnection = 1;
  #pending: NodeJS.Immediate | undefined;
  #onEvents: (() => void)[] = [];
  /** How many events clients could see: messages that they received, and timers. */
  #clientEvents = 0;
  #failure: Error | undefined;

  constructor(ids: readonly number[], seed: number, wallMs: () => number) {
    const { schedule } = this;
    const clock = { monotonicMs: () => schedule.nowMs, wallMs };
    this.#nodes = ids.map(
      (id) =>
        new InProcessNode({
          id,
          nodes: ids,
          seed: seed * 1_000 + id,
          schedule,
          clock,
          transport: {
            sendToPeer: (to, frame) => this.#soon(() => this.#get(to)?.receivePeerFrame(id, frame)),
            sendToClient: (connection, packet) => this.#soon(() => this.#deliver(connection, packet)),
          },
          onFailed: (error) => this.#onNodeFailed(id, error),
        }),
    );
  }

  /** The error that ended a node, if one has ended. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get leader(): InProcessNode | undefined {
    return this.#nodes.find((node) => node.isLeader);
  }

  /** Passes the time of an election, before there is any client. */
  electLeader(): void {
    while (this.leader === undefined && this.schedule.runNext(ELECTION_MS_MAX));
  }

  /** @throws {ConfigError} for handlers that are not functions; `send` throws it for a value that is not a packet. */
  openChannel(id: number, handlers: ClientChannelHandlers, link: Link): ClientChannel | undefined {
    const node = this.#get(id);
    if (node === undefined) return undefined;
    parseSettings(CHANNEL_HANDLERS, handlers, 'handlers');
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    this.#channels.set(connection, { node, handlers, link });
    return {
      send: (packet) => {
        if (!(packet instanceof Uint8Array)) throw new ConfigError('packet', packet, 'Give a Uint8Array.');
        if (!this.#channels.has(connection) || !link.isConnected) return;
        const copy = packet.slice();
        this.#soon(() => {
          if (link.isConnected) node.receiveClientPacket(connection, copy);
        });
      },
      close: () => {
        if (this.#channels.delete(connection)) this.#soon(() => node.onClientGone(connection));
      },
    };
  }

  /** Calls `run` in `delayMs` of virtual time, unless it is cancelled before. */
  setTimer(run: () => void, delayMs: number): ClientTimer {
    let isPending = true;
    const onDue = (): void => {
      if (!isPending) return;
      this.#clientEvents += 1;
      run();
    };
    if (delayMs <= 0) this.#soon(onDue);
    else this.schedule.after(delayMs, onDue);
    return {
      cancel: () => {
        isPending = false;
      },
    };
  }

  /** Resolves once everything that is due now is done, with all that follows from it at once. @throws the error that ended a node. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      const { events } = this.schedule;
      await nextTurn();
      this.#runDue();
      if (this.schedule.events !== events) quiet = -1;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves at the next event, which real time brings: a processor ends, or a call is made. */
  nextEvent(): Promise<void> {
    return new Promise((resolve) => this.#onEvents.push(resolve));
  }

  /** Passes the time until `untilMs`, event by event; what clients see is settled before time goes on. @throws as {@link settle} */
  async runUntil(untilMs: number): Promise<void> {
    await this.settle();
    while (this.schedule.nextMs <= untilMs) {
      const { events } = this.schedule;
      const seen = this.#clientEvents;
      while (this.#clientEvents === seen && this.schedule.events - events < EVENTS_PER_TURN && this.schedule.runNext(untilMs));
      if (this.#clientEvents !== seen) await this.settle();
      else await nextTurn();
    }
    this.schedule.runNext(untilMs);
    await this.settle();
  }

  /** Stops all nodes. Clients lose their channels. */
  async close(): Promise<void> {
    for (const node of this.#nodes) node.stop();
    for (const connection of [...this.#channels.keys()]) this.#lose(connection);
    this.#runDue();
    await nextTurn();
    for (const resolve of this.#onEvents.splice(0)) resolve();
  }

  #get(id: number): InProcessNode | undefined {
    return this.#nodes.find((node) => node.id === id && node.isRunning);
  }

  #deliver(connection: number, packet: Uint8Array): void {
    const channel = this.#channels.get(connection);
    if (channel?.link.isConnected !== true) return;
    this.#clientEvents += 1;
    channel.handlers.onPacket(packet);
  }

  #lose(connection: number): void {
    const channel = this.#channels.get(connection);
    if (channel === undefined) return;
    this.#channels.delete(connection);
    this.#clientEvents += 1;
    channel.handlers.onLost();
  }

  #onNodeFailed(id: number, error: unknown): void {
    this.#failure ??= errorOfThread(id, error, 'unknown');
    for (const [connection, { node }] of this.#channels) if (node.id === id) this.#soon(() => this.#lose(connection));
  }

  /** At the current virtual time, after what is due already. */
  #soon(run: () => void): void {
    this.schedule.after(0, run);
    this.#pending ??= setImmediate(() => {
      this.#pending = undefined;
      this.#runDue();
    });
  }

  #runDue(): void {
    const { events, nowMs } = this.schedule;
    while (this.schedule.runNext(nowMs));
    if (this.schedule.events === events) return;
    for (const resolve of this.#onEvents.splice(0)) resolve();
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
