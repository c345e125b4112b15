import { ByteWriter } from '../base/bytes.ts';
import { asNodeId, type EntryId } from '../base/ids.ts';
import { Schedule } from '../base/schedule.ts';
import type { NodeEvent } from '../node/event.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import type { ClientFrame } from '../protocol/client-frame.ts';
import { writeClientFrame } from '../protocol/client-frame.ts';
import type { Entry } from '../raft/entry.ts';
import type { RaftMessage } from '../raft/message.ts';
import { StorageError } from '../storage/errors.ts';
import type { PersistBatch } from '../storage/port.ts';
import { readPeerParts } from '../transport/peer-frame.ts';
import { ConfigurationWatch } from './configuration-watch.ts';
import { Coverage, type Sometimes } from './coverage.ts';
import { DiskLedger } from './disk-ledger.ts';
import { FaultTriggers } from './fault-triggers.ts';
import { IdleTurns } from './idle-turns.ts';
import { Invariants } from './invariants.ts';
import { Leaderships } from './leaderships.ts';
import type { MachineClients, Receiver } from './machine-clients.ts';
import { SimulatedNetwork } from './network.ts';
import type { Plan } from './plan.ts';
import type { SimMachine } from './sim-machine.ts';
import { SimNode, type SimNodeHost } from './sim-node.ts';
import { SimRandom } from './sim-random.ts';
import { Trace } from './trace.ts';
import { Versions } from './versions.ts';
import { asViolation, checkProperty, isDamage, isRollBack } from './violation.ts';

/** More events in one run mean that events cause events without end. */
const EVENTS_MAX = 2_000_000;
/** Clients have larger numbers than nodes; connection 0 is the operator's. */
const OPERATOR = 0;
/** No plan sends more in one turn, apart from large payloads. */
const FRAME_BYTES_MAX = 2 * 1024 * 1024;
const FRAME_PAYLOADS_MAX = 30;
/** A full comparison of states costs a pass over them: one in this many turns has one. */
const STATE_CHECK_SHARE = 0.01;

/** A listener to the events that nodes report. */
export type NodeListener = (node: SimNode, event: NodeEvent) => void;

/**
 * Nodes, network and time: a whole cluster with its clients in one deterministic event loop. The nodes are the production code. What happens
 * to the cluster is decided by the script (`run-plan.ts`).
 */
export class SimCluster implements SimNodeHost {
  readonly schedule = new Schedule();
  readonly coverage = new Coverage();
  readonly trace = new Trace();
  readonly nodes = new Map<number, SimNode>();
  readonly network: SimulatedNetwork;
  readonly invariants: Invariants;
  readonly plan: Plan;
  readonly machine: SimMachine;
  readonly disks: DiskLedger;
  readonly triggers = new FaultTriggers();
  readonly leaderships = new Leaderships();
  readonly versions: Versions;
  readonly clients: MachineClients;
  readonly configurations: ConfigurationWatch;
  /** Vote requests of non-voters to voters, by the leader's configuration. Removed nodes may disturb each other. */
  nonMemberVoteRequests = 0;
  /** When the last change of members was requested. */
  changeRequestedMs = Number.NEGATIVE_INFINITY;
  /** Number of requested repairs. */
  repairs = 0;
  /** How often a node ended, for any reason. */
  ends = 0;
  readonly #checks: SimRandom;
  readonly #idleTurns = new IdleTurns();
  readonly #listeners: NodeListener[] = [];
  /** Connections besides those of the clients. */
  readonly #receivers = new Map<number, Receiver>();

  /** @param clientsOf its clients, which start later. */
  constructor(plan: Plan, machine: SimMachine, clientsOf: (cluster: SimCluster, random: SimRandom) => MachineClients) {
    this.plan = plan;
    this.machine = machine;
    const random = (stream: number) => new SimRandom(plan.seed * 8 + stream);
    this.network = new SimulatedNetwork(this.schedule, plan.network, random(1));
    this.invariants = new Invariants(this.nodes, this.coverage, (id) => this.clients.onCommitted(id));
    this.versions = new Versions(this.coverage, plan, machine.versionMax);
    this.configurations = new ConfigurationWatch(this.coverage, plan.nodes);
    this.disks = new DiskLedger(this.nodes);
    this.#checks = random(2);
    const clocks = random(3);
    for (let id = 1; id <= plan.nodes + plan.spares; id += 1) {
      const rate = 1 + clocks.between(-plan.drift, plan.drift);
      this.nodes.set(id, new SimNode(this, this.schedule, plan, id, rate, clocks.between(0, 10_000)));
    }
    this.clients = clientsOf(this, random(4));
  }

  /** The leader of the newest term among the nodes that run. */
  leader(): SimNode | undefined {
    let best: SimNode | undefined;
    for (const node of this.nodes.values()) {
      const view = node.runtime?.view;
      if (view?.role === 'leader' && view.term > (best?.runtime?.view.term ?? 0)) best = node;
    }
    return best;
  }

  /** The leader of the oldest term, which may be deposed without having noticed it. */
  oldestLeader(): SimNode | undefined {
    let best: SimNode | undefined;
    for (const node of this.nodes.values()) {
      const view = node.runtime?.view;
      if (view?.role === 'leader' && view.term < (best?.runtime?.view.term ?? Number.POSITIVE_INFINITY)) best = node;
    }
    return best;
  }

  nodeIds(): [number, ...number[]] {
    return [1, ...[...this.nodes.keys()].slice(1)];
  }

  // ---- nodes ----------------------------------------------------------------------------------------------------------

  startNode(node: SimNode): void {
    if (node.isUp) return;
    if (node.lives > 0) this.coverage.add('node restarted');
    try {
      node.start();
    } catch (error) {
      if (this.versions.onError(node, error)) this.startNode(node);
      else if (isDamage(error)) {
        this.coverage.add('damage found at the start');
        this.#rebuild(node);
      } else throw asViolation(error);
    }
  }

  /** @param isNoticed its channels close; otherwise the others only detect its silence. */
  stopNode(node: SimNode, downMs: number, isNoticed: boolean): void {
    if (!node.isUp) return;
    this.ends += 1;
    this.leaderships.onEnded(node.id, this.schedule.nowMs);
    node.crash();
    if (isNoticed) {
      for (const other of this.nodes.values()) if (other !== node) this.closeChannel(node, other);
      this.clients.onLost(node.id);
    }
    const life = node.lives;
    this.schedule.after(downMs, () => {
      if (node.lives === life) this.startNode(node);
    });
  }

  closeChannel(node: SimNode, other: SimNode): void {
    this.network.closeChannel(node.id, other.id);
    for (const [one, lost] of [
      [node, other],
      [other, node],
    ] as const) {
      one.runtime?.peerLost(lost.nodeId);
      one.wake(this.schedule.nowMs);
    }
  }

  /** @param isWoken whether anything but its own deadline woke it. @returns whether the node ended in this turn. */
  runTurn(node: SimNode, runtime: NodeRuntime, isWoken: boolean): boolean {
    const { applied, hasInput } = runtime;
    const before = this.trace.hash;
    try {
      runtime.turn();
      // A turn that reads what arrived earlier is for something, also if that is of no use, as repeated frames are.
      const isIdle = !isWoken && !hasInput && this.trace.hash === before && runtime.applied === applied;
      if (isIdle) this.#idleTurns.onIdle(node, this.schedule.nowMs);
      return false;
    } catch (error) {
      if (this.versions.onError(node, error)) this.stopNode(node, 0, true);
      else if (isDamage(error)) this.#onDamage(node, 'damage found while running');
      else if (isRollBack(error)) this.#onDamage(node, 'restored copy found out');
      else if (error instanceof StorageError) this.stopNode(node, node.downAfterFailureMs, true);
      else throw asViolation(error);
      return true;
    }
  }

  afterTurn(node: SimNode, runtime: NodeRuntime): void {
    this.invariants.onTurn(node, runtime);
    this.versions.onTurn(node, runtime);
    this.configurations.afterTurn(node, runtime);
    if (!this.disks.areAllSound && runtime.view.role === 'leader') this.#forgetReplacedDisks();
    this.clients.afterTurn(runtime);
    if (this.#checks.withProbability(STATE_CHECK_SHARE)) this.checkState(node);
  }

  /** By the newest leader's configuration, whichever node had a turn. */
  #forgetReplacedDisks(): void {
    const view = this.leader()?.runtime?.view;
    if (view !== undefined) this.disks.forgetReplaced(view);
  }

  /** Compares the node's state with the other replicas. A full read may find a damaged row. @throws {Violation} */
  checkState(node: SimNode): void {
    const { runtime } = node;
    if (runtime === undefined) return;
    try {
      this.invariants.checkState(node, runtime);
    } catch (error) {
      if (!isDamage(error)) throw asViolation(error);
      this.#onDamage(node, 'damage found while running');
    }
  }

  #onDamage(node: SimNode, what: Sometimes): void {
    this.coverage.add(what);
    this.leaderships.onEnded(node.id, this.schedule.nowMs);
    node.crash();
    this.#rebuild(node);
  }

  #rebuild(node: SimNode): void {
    checkProperty(this.disks.isLost(node.id), 'sound disks are not taken for damaged', () => `node ${node.id} does not start`);
    this.ends += 1;
    node.loseDisk();
    node.start();
  }

  // ---- what the nodes report and write --------------------------------------------------------------------------------

  listen(listener: NodeListener): void {
    this.#listeners.push(listener);
  }

  onEvent(node: SimNode, event: NodeEvent): void {
    for (const listener of this.#listeners) listener(node, event);
  }

  versionMaxOf(node: number): number {
    return this.versions.maxOf(node);
  }

  onTruncating(id: EntryId, isPart: boolean): void {
    this.invariants.onTruncating(id, isPart);
  }

  onAppended(node: SimNode, entries: readonly Entry[], before: EntryId): void {
    this.invariants.onAppended(node, entries, before);
    this.clients.onWritten(entries);
  }

  onPersist(node: SimNode, batch: PersistBatch): void {
    this.trace.addPersist(node.id, batch);
  }

  // ---- frames ---------------------------------------------------------------------------------------------------------

  onPeerFrame(from: SimNode, to: number, frame: Uint8Array): void {
    checkProperty(
      frame.length <= FRAME_BYTES_MAX + FRAME_PAYLOADS_MAX * Math.max(0, ...this.plan.workload.sizes),
      'messages do not multiply',
      () => `node ${from.id} sends ${frame.length} bytes in one turn`,
    );
    this.trace.addNumber(from.id * 64 + to);
    this.trace.addBytes(frame);
    const parts = readPeerParts(frame, from.nodeId, asNodeId(to));
    for (const part of parts) if (part.type === 'raft') this.#onMessage(from, part.message);
    // A client counts the rejections of its sendings: channels forward each of them at most once.
    const isRepeatable = parts.every(({ type }) => type !== 'forward' && type !== 'forward-reply');
    this.network.sendBetweenNodes(from.id, to, from.sendMs, isRepeatable, () => {
      const receiver = this.nodes.get(to);
      receiver?.runtime?.receivePeerFrame(from.nodeId, frame.slice());
      receiver?.wake(this.schedule.nowMs);
    });
  }

  #onMessage(from: SimNode, message: RaftMessage): void {
    this.invariants.onMessage(from, message);
    if (message.type !== 'request-vote') return;
    const configuration = this.leader()?.runtime?.view.configuration;
    if (configuration === undefined) return;
    const voters = [...configuration.voters, ...configuration.outgoing];
    if (!voters.includes(from.nodeId) && voters.includes(message.to)) this.nonMemberVoteRequests += 1;
  }

  onServerPacket(from: SimNode, connection: number, packet: Uint8Array): void {
    this.trace.addNumber(connection);
    this.trace.addBytes(packet);
    // A reply depends on committed entries: a majority has them on disk before the reply is sent.
    if (from.runtime !== undefined) this.invariants.onTurn(from, from.runtime);
    const receive = this.clients.receiverOf(connection) ?? this.#receivers.get(connection);
    if (receive === undefined) return;
    this.network.sendToOrFromClient(`${from.id}>${connection}`, from.sendMs, () => receive(packet.slice(), from.id));
  }

  /** Routes packets to this connection there. */
  attach(connection: number, receiver: Receiver): void {
    this.#receivers.set(connection, receiver);
  }

  sendToNode(connection: number, to: number, packet: Uint8Array): void {
    this.network.sendToOrFromClient(`${connection}>${to}`, this.schedule.nowMs, () => {
      const node = this.nodes.get(to);
      node?.runtime?.receiveClientPacket(connection, packet.slice());
      node?.wake(this.schedule.nowMs);
    });
  }

  /** Sends an operator's request to the leader. */
  sendAdminRequest(frame: ClientFrame): void {
    const leader = this.leader();
    if (leader === undefined) return;
    if (frame.type === 'change') this.changeRequestedMs = this.schedule.nowMs;
    const to = new ByteWriter(64);
    writeClientFrame(to, frame);
    this.sendToNode(OPERATOR, leader.id, to.copy());
  }

  // ---- time -----------------------------------------------------------------------------------------------------------

  runUntil(untilMs: number): void {
    while (this.schedule.runNext(untilMs)) {
      checkProperty(this.schedule.events < EVENTS_MAX, 'progress once everything is healed', () => `more than ${EVENTS_MAX} events`);
    }
  }

  /** Everything stops for a while, and every clock counts that time. */
  suspend(durationMs: number): void {
    const { nowMs } = this.schedule;
    this.schedule.suspend(durationMs);
    this.leaderships.onSuspended(nowMs, nowMs + durationMs);
    for (const node of this.nodes.values()) node.onSuspended(durationMs);
  }

  describe(): string {
    const nodes = [...this.nodes.values()].map(({ id, runtime }) => {
      if (runtime === undefined) return `${id} down`;
      const { role, term, commit, log, configuration, isRemoved } = runtime.view;
      const { voters, outgoing, joining } = configuration;
      return `${id} ${role} term ${term} commit ${commit} last ${log.lastIndex} voters ${voters.join()} outgoing ${outgoing.join()} joining ${joining.join()}${isRemoved ? ' retired' : ''}`;
    });
    return `${this.clients.waiting} clients wait; ${nodes.join('; ')}`;
  }
}
