import { ByteWriter } from '../base/bytes.ts';
import { asNodeId } from '../base/ids.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import type { ClientFrame } from '../protocol/client-frame.ts';
import { writeClientFrame } from '../protocol/client-frame.ts';
import { isJoint } from '../raft/membership.ts';
import type { RaftMessage } from '../raft/message.ts';
import { StorageError } from '../storage/errors.ts';
import { readPeerParts } from '../transport/peer-frame.ts';
import { Coverage, type Sometimes } from './coverage.ts';
import { EventWatch } from './event-watch.ts';
import type { FaultType } from './fault.ts';
import { injectFault } from './faults.ts';
import { IdleTurns } from './idle-turns.ts';
import { Invariants } from './invariants.ts';
import { Leaderships } from './leaderships.ts';
import { forgetReplacedDisks } from './lost-disks.ts';
import { watchMembers } from './member-changes.ts';
import { SimulatedNetwork } from './network.ts';
import type { Plan } from './plan.ts';
import { awaitQuiescence, checkQuiescence } from './quiescence.ts';
import { Schedule } from './schedule.ts';
import type { MachineClients, Receiver, SimMachine } from './sim-machine.ts';
import { SimNode } from './sim-node.ts';
import { SimRandom } from './sim-random.ts';
import { Trace } from './trace.ts';
import { Versions } from './versions.ts';
import { asViolation, checkProperty, isDamage, isRollBack } from './violation.ts';

/** Maximum duration of a fault, and of a frame in transit. */
const LAST_STALL_MS = 4_000;
/** More events in one run mean that events cause events without end. */
const EVENTS_MAX = 2_000_000;
/** Clients have larger numbers than nodes; connection 0 is the operator's. */
const OPERATOR = 0;
/** No plan sends more in one turn, apart from large payloads. */
const FRAME_BYTES_MAX = 2 * 1024 * 1024;
const FRAME_PAYLOADS_MAX = 30;
/** A full comparison of states costs a pass over them: one in this many turns has one. */
const STATE_CHECK_SHARE = 0.01;

/** A whole cluster with its clients in one deterministic event loop. The nodes are the production code. */
export class World {
  readonly schedule = new Schedule();
  readonly coverage = new Coverage();
  readonly trace = new Trace();
  readonly nodes = new Map<number, SimNode>();
  readonly network: SimulatedNetwork;
  readonly invariants: Invariants;
  readonly plan: Plan;
  readonly machine: SimMachine;
  readonly faultCounts = new Map<FaultType, number>();
  /** Nodes whose disk was lost or damaged, by the id of that disk, until they are voters with another one. */
  readonly lostDisks = new Map<number, number>();
  readonly leaderships = new Leaderships();
  readonly versions: Versions;
  readonly clients: MachineClients;
  readonly events = new EventWatch(this);
  /** Vote requests of non-voters to voters, by the leader's configuration. Removed nodes may disturb each other. */
  nonMemberVoteRequests = 0;
  /** When the last change of members was requested. */
  changeRequestedMs = Number.NEGATIVE_INFINITY;
  /** Number of requested repairs. */
  repairs = 0;
  /** How often a node ended, for any reason. */
  ends = 0;
  readonly #checks: SimRandom;
  readonly #committedJoint = new Set<number>();
  /** The index of each node's latest configuration at its last turn. */
  readonly #configurations = new Map<SimNode, number>();
  readonly #idleTurns = new IdleTurns();
  /** Connections besides those of the clients. */
  readonly #receivers = new Map<number, Receiver>();

  constructor(plan: Plan, machine: SimMachine) {
    this.plan = plan;
    this.machine = machine;
    const random = (stream: number) => new SimRandom(plan.seed * 8 + stream);
    this.network = new SimulatedNetwork(this.schedule, plan.network, random(1));
    this.invariants = new Invariants(this.nodes, this.coverage, (id) => this.clients.onCommitted(id));
    this.versions = new Versions(this);
    this.#checks = random(2);
    const clocks = random(3);
    for (let id = 1; id <= plan.nodes + plan.spares; id += 1) {
      const rate = 1 + clocks.between(-plan.drift, plan.drift);
      this.nodes.set(id, new SimNode(this, this.schedule, plan, id, rate, clocks.between(0, 10_000)));
    }
    this.clients = machine.clientsOf(this, random(4));
  }

  /** @throws {Violation} */
  run(): void {
    for (const node of this.nodes.values()) this.startNode(node);
    this.clients.start();
    for (const fault of this.plan.faults) {
      this.schedule.at(fault.atMs, () => {
        this.faultCounts.set(fault.type, (this.faultCounts.get(fault.type) ?? 0) + 1);
        injectFault(this, fault);
      });
    }
    this.versions.schedule();
    while (this.schedule.nowMs < this.plan.faultMs + this.schedule.suspendedMs)
      this.runUntil(this.plan.faultMs + this.schedule.suspendedMs);
    this.#heal();
    awaitQuiescence(this);
    // Pauses and stuck writes that began before may last a little longer.
    this.runUntil(this.schedule.nowMs + LAST_STALL_MS);
    awaitQuiescence(this);
    this.versions.await();
    checkQuiescence(this);
    awaitQuiescence(this);
    this.clients.watch();
    watchMembers(this);
    for (const node of this.nodes.values()) if (node.runtime !== undefined) this.#checkState(node, node.runtime);
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

  /** Whether some node, up or down, has a configuration after `index`. */
  hasLaterConfiguration(index: number): boolean {
    return [...this.#configurations.values()].some((latest) => latest > index);
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

  /** @returns whether the node ended in this turn. */
  runTurn(node: SimNode, runtime: NodeRuntime): boolean {
    const before = this.trace.hash;
    try {
      runtime.turn();
      if (this.trace.hash !== before) this.#idleTurns.onBusy(node);
      else this.#idleTurns.onIdle(node, this.schedule.nowMs);
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
    const { configurations, role, commit } = runtime.view;
    this.#configurations.set(node, configurations.latest.index);
    const { index, configuration } = configurations.at(commit);
    if (role === 'leader' && isJoint(configuration) && !this.#committedJoint.has(index)) {
      this.#committedJoint.add(index);
      this.coverage.add('joint configuration committed');
      if (configuration.voters.some((voter) => voter > this.plan.nodes)) this.coverage.add('joining node became a voter');
    }
    if (this.lostDisks.size > 0 && role === 'leader') forgetReplacedDisks(this);
    this.clients.afterTurn(runtime);
    if (this.#checks.withProbability(STATE_CHECK_SHARE)) this.#checkState(node, runtime);
  }

  /** A full read may find a damaged row. */
  #checkState(node: SimNode, runtime: NodeRuntime): void {
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
    checkProperty(this.lostDisks.has(node.id), 'sound disks are not taken for damaged', () => `node ${node.id} does not start`);
    this.ends += 1;
    node.loseDisk();
    node.start();
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
      node?.runtime?.receiveClientPacket(connection, packet);
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

  #heal(): void {
    this.events.cancelFaults();
    this.network.heal();
    this.clients.stop();
    this.versions.upgradeAll();
    for (const node of this.nodes.values()) {
      if (node.hasPlannedFailure) this.stopNode(node, 0, true);
      // A node that has nothing to write would be stuck much later, after the faults.
      node.disk.stallNextWrite(0);
      this.startNode(node);
    }
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
