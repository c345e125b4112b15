import { type LogIndex, type NodeId, ZERO_ENTRY } from '../base/ids.ts';
import type { Effects, RaftEvent } from '../raft/effects.ts';
import type { SnapshotId } from '../raft/entry.ts';
import { configurationOf } from '../raft/entry.ts';
import { isVotersDisk } from '../raft/membership.ts';
import type { InstallSnapshot, RaftMessage } from '../raft/message.ts';
import { type CoreView, RaftCore } from '../raft/raft-core.ts';
import { rolledBack } from '../storage/errors.ts';
import { type AdminEvent, AdminHandler, adminCoreOf } from './admin-handler.ts';
import { Applier } from './applier.ts';
import { Arrivals } from './arrivals.ts';
import { type CheckpointPart, CheckpointSchedule } from './checkpoint-schedule.ts';
import type { EntryBounds } from './entry-batch.ts';
import { EntryMemory } from './entry-memory.ts';
import { type NodeEvent, rpcSent } from './event.ts';
import { FileGeneration } from './file-generation.ts';
import { Inbox, type InboxHandler, type PeerFrame } from './inbox.ts';
import { MemberVersions } from './member-versions.ts';
import { NodeMetrics } from './node-metrics.ts';
import type { NodeOptions } from './node-options.ts';
import { ClientOutbox, PeerOutbox } from './outbox.ts';
import { checkNodePointers } from './pointer-chain.ts';
import { Proposer } from './proposer.ts';
import { QueryHandler } from './query-handler.ts';
import { type Leadership, RequestRouter } from './request-router.ts';
import { SnapshotTransfers } from './snapshot-transfers.ts';
import type { StateMachine } from './state-machine.ts';
import { TurnChanges } from './turn-changes.ts';
import { TurnPace } from './turn-pace.ts';

/**
 * One node: a turn reads everything that arrived, steps the core, sends messages that need not wait for the disk, persists once, sends the
 * rest, applies and replies. Its owner calls `receive…` as input arrives, then `turn`. If `turn` throws, the node has ended.
 */
export class NodeRuntime<Machine extends StateMachine = StateMachine> implements Disposable {
  readonly generation: FileGeneration;
  readonly metrics = new NodeMetrics();
  readonly #options: NodeOptions<Machine>;
  readonly #core: RaftCore;
  readonly #machine: Machine;
  readonly #router: RequestRouter;
  readonly #peers = new PeerOutbox();
  readonly #clients = new ClientOutbox();
  readonly #changes = new TurnChanges();
  readonly #memory: EntryMemory;
  readonly #checkpoints: CheckpointSchedule;
  readonly #snapshots: SnapshotTransfers;
  readonly admin: AdminHandler;
  readonly #reads: QueryHandler;
  readonly #proposer: Proposer;
  readonly #versions: MemberVersions;
  readonly #inbox: Inbox;
  readonly #applier: Applier;
  readonly #reader: InboxHandler;
  readonly #pace: TurnPace;
  #afterPersist: RaftMessage[] = [];
  #nowMs: number;
  /** The leader that waiting requests depend on; this node itself while it leads. */
  #lastLeadership: { term: number; leader: NodeId | undefined };
  #isTurnDue = false;

  constructor(options: NodeOptions<Machine>) {
    this.#options = options;
    const { storage, clock, limits, configuration } = options;
    this.#inbox = new Inbox(options.id, limits.turnBytesMax, options.memory);
    this.#memory = new EntryMemory(options.memory);
    const stored = storage.load();
    this.generation = new FileGeneration({
      current: stored.generation,
      write: (generation) => storage.persist({ generation }),
      onRaised: (generation) => {
        this.#step({ type: 'generation', now: this.#nowMs, generation });
        this.#observe({ type: 'generation', node: options.id, atMs: this.#nowMs, generation });
      },
    });
    this.#nowMs = clock.monotonicMs();
    const isFounder = configuration.voters.includes(options.id) && isVotersDisk(configuration, options.id, stored.disk);
    const checkpoint = stored.checkpoint ?? { ...ZERO_ENTRY, configuration: isFounder ? configuration : configurationOf({}) };
    this.#checkpoints = new CheckpointSchedule(limits, checkpoint, options.id, () => clock.monotonicMs());
    this.#snapshots = new SnapshotTransfers(options.id, storage, limits.snapshotChunkBytes);
    const { machine, policy } = options.machine({
      readRecord: (kind, key) => storage.readRecord(kind, key),
      onAvailable: (topic) => this.#router.onAvailable(topic),
      onReadable: (topic) => this.#reads.onFilled(topic),
    });
    this.#machine = machine;
    this.#versions = new MemberVersions(machine.versionMax, options.isOneRelease === true ? machine.versionMax : undefined);
    if (stored.checkpoint !== undefined) this.#machine.restore((kind) => storage.records(kind));
    this.#core = new RaftCore({
      ...stored,
      id: options.id,
      config: options.raft,
      configuration: checkpoint.configuration,
      commit: checkpoint.index,
      seed: options.seed,
      now: this.#nowMs,
    });
    this.#lastLeadership = { term: stored.hardState.term, leader: undefined };
    const shared = { policy, peers: this.#peers, clients: this.#clients, metrics: this.metrics };
    this.#router = new RequestRouter({ ...shared, limits, node: options.id, observe: options.observe });
    this.#applier = new Applier({
      machine: this.#machine,
      clock,
      applied: checkpoint.index,
      turnBytesMax: limits.turnBytesMax,
      checkpoints: this.#checkpoints,
      onApplied: (kind) => this.generation.onApplied(kind),
    });
    const read = (batch: number, lease: boolean) => this.#step({ type: 'read', now: this.#nowMs, batch, lease });
    this.#reads = new QueryHandler({ ...shared, machine, limits, life: options.seed, read });
    this.#proposer = this.#proposerOf({ bytesMax: limits.entryBytesMax, replyBytesMax: limits.replyBytesMax });
    const step = (event: AdminEvent) => this.#step({ ...event, now: this.#nowMs });
    this.admin = new AdminHandler(adminCoreOf({ view: this.#core.view, applied: () => this.applied, step }), this.#clients);
    this.#reader = this.#inboxHandler();
    this.#pace = new TurnPace(options.raft.heartbeatMs, this.#nowMs);
    const { term, log, commit } = this.#core.view;
    this.#observe({ type: 'started', node: options.id, atMs: this.#nowMs, term, last: log.last, commit });
  }

  /** @param frame or what a channel has read of it, of about so many bytes. @returns bytes of this peer that no turn has read yet. */
  receivePeerFrame(from: NodeId, frame: PeerFrame, bytes: number = frame.length): number {
    return this.#inbox.addPeerFrame(from, frame, bytes);
  }

  /** @returns bytes of this client's packets that no turn has read yet. */
  receiveClientPacket(connection: number, packet: Uint8Array): number {
    return this.#inbox.addClientPacket(connection, packet);
  }

  peerLost(peer: NodeId): void {
    this.#inbox.addLostPeer(peer);
  }

  clientGone(connection: number): void {
    this.#inbox.addGoneClient(connection);
  }

  /** Whether something that arrived is not read yet: each turn reads at least a frame of it. */
  get hasInput(): boolean {
    return this.#inbox.hasMore;
  }

  /** One turn was not enough: the next is due at once, after the input that has arrived. */
  get hasMore(): boolean {
    const isBehind = this.applied < this.#core.view.commit || this.#changes.isTruncating;
    return isBehind || this.#inbox.hasMore || this.#reads.hasMore(this.applied) || this.#snapshots.hasMore;
  }

  /** When `turn` must be called even if nothing arrives, monotonic ms. */
  get nextDeadlineMs(): number {
    if (this.#isTurnDue || this.hasMore) return this.#nowMs;
    const ownMs = Math.min(this.#snapshots.nextResendMs, this.#reads.nextExpiryMs, this.#nowMs + this.#proposer.tickInMs);
    return Math.min(this.#core.nextDeadlineMs, this.#router.nextExpiryMs, ownMs);
  }

  /** A whole turn. @returns {@link nextDeadlineMs}. */
  turn(): number {
    this.begin();
    return this.finish();
  }

  /** A turn up to its write. Where channels send only once the event loop runs, it runs before `finish`: other nodes write at the same time. */
  begin(): void {
    this.#nowMs = this.#options.clock.monotonicMs();
    this.metrics.turns += 1;
    this.#memory.releaseFree();
    const durationMs = this.#pace.onTurn(this.#nowMs);
    if (durationMs > 0) this.#step({ type: 'away', now: this.#nowMs, durationMs });
    this.#inbox.drain(this.#reader, this.#core.view.leader);
    this.#applier.onTurn();
    this.#reads.onTurn(this.#nowMs);
    if (this.#core.nextDeadlineMs <= this.#nowMs)
      this.#step({ type: 'deadline', now: this.#nowMs, readMs: this.#pace.beganMs, unread: this.#inbox.unreadPeers() });
    this.admin.onTurn();
    this.#noticeLeadership();
    this.#router.takeOwn(this.#leadership(), this.#nowMs);
    this.#proposer.proposeQueued();
    this.#inbox.releaseRead(this.#router.hasQueued);
    this.#reads.requestReadIndexes(this.#leadership(), this.#nowMs);
    const toAsk = this.#isLeader ? this.#versions.toAsk(this.#core.view, this.#machine.version, this.#nowMs) : [];
    for (const member of toAsk) this.#peers.add(member, { type: 'version-request' });
    for (const message of this.#snapshots.onTurn(this.#core.view, this.#nowMs)) this.#post(message);
    for (const sent of this.#snapshots.takeFinished())
      this.#observe({ type: 'snapshot-sent', node: this.#options.id, atMs: this.#nowMs, ...sent });
    this.#flush(this.#peers);
    // A leader replies before it waits for its own disk: what is committed is on a majority of disks. A follower acknowledges first.
    if (this.#isLeader) {
      this.metrics.commits.onCommitted(this.#core.view.commit, this.#nowMs);
      this.#apply();
      if (this.#router.resumeParked(this.#nowMs)) this.#proposer.proposeQueued();
      this.#flush(this.#peers);
      this.#flush(this.#clients);
    }
  }

  /** The rest of a turn that has begun. @returns {@link nextDeadlineMs}. */
  finish(): number {
    this.#persist();
    if (!this.#changes.isTruncating) for (const message of this.#afterPersist.splice(0)) this.#post(message);
    this.#flush(this.#peers);
    this.#apply();
    // Requests that found something only now are proposed with the next turn, which is due at once.
    this.#isTurnDue = this.#isLeader && (this.#router.resumeParked(this.#nowMs) || this.#router.isOwnDue(this.#nowMs));
    this.#flush(this.#peers);
    this.#flush(this.#clients);
    checkNodePointers(this.#core.view, this.#checkpoints.index, this.applied);
    const endMs = this.#options.clock.monotonicMs();
    // A sole voter commits by its own write.
    this.metrics.commits.onCommitted(this.#core.view.commit, endMs);
    return this.#pace.onTurnEnd(endMs, this.nextDeadlineMs);
  }

  /** Lets another voter lead, if one can. @returns whether the transfer began. */
  transferLeadership(): boolean {
    this.#nowMs = this.#options.clock.monotonicMs();
    return this.#step({ type: 'transfer-leadership', now: this.#nowMs, to: undefined }).rejected === undefined;
  }

  get view(): CoreView {
    return this.#core.view;
  }

  get applied(): LogIndex {
    return this.#applier.applied;
  }

  get machine(): Machine {
    return this.#machine;
  }

  /** The replicated state, for comparing replicas that have applied the same index. */
  digest(): { readonly applied: LogIndex; readonly digest: string } {
    return { applied: this.applied, digest: this.#machine.digest() };
  }

  [Symbol.dispose](): void {
    this.#snapshots[Symbol.dispose]();
  }

  get #isLeader(): boolean {
    return this.#core.view.role === 'leader';
  }

  #inboxHandler(): InboxHandler {
    const arrivals = new Arrivals({
      router: this.#router,
      reads: this.#reads,
      admin: this.admin,
      versions: this.#versions,
      peers: this.#peers,
      metrics: this.metrics,
      leadership: () => this.#leadership(),
      nowMs: () => this.#nowMs,
      onMessage: (message) => this.#step({ type: 'message', now: this.#nowMs, message }),
    });
    return {
      onPeerPart: (from, part) => arrivals.onPeerPart(from, part),
      onPeerLost: (peer) => this.#onPeerLost(peer),
      onRead: () => this.#endPart(),
      onPeersRead: () => this.#noticeLeadership(),
      onClientFrame: (connection, frame) => arrivals.onClientFrame(connection, frame),
      onClientGone: (connection) => arrivals.onClientGone(connection),
    };
  }

  #onPeerLost(peer: NodeId): void {
    this.#observe({ type: 'peer-lost', node: this.#options.id, atMs: this.#nowMs, peer });
    this.#snapshots.abort(peer);
    this.#versions.onLost(peer);
    this.#router.onPeerLost(peer);
    this.#step({ type: 'peer-lost', now: this.#nowMs, peer });
  }

  #leadership(): Leadership {
    return { isLeader: this.#isLeader, leader: this.#core.view.leader, version: this.#proposer.version };
  }

  #step(event: RaftEvent): Effects {
    const effects = this.#core.step(event);
    if (effects.rolledBack !== undefined) throw rolledBack('Its file', this.generation.current, effects.rolledBack);
    for (const notice of effects.notices) this.#observe({ ...notice, node: this.#options.id, atMs: this.#nowMs });
    for (const message of effects.messages) this.#post(message);
    for (const message of effects.messagesAfterPersist) this.#afterPersist.push(message);
    this.#changes.merge(effects);
    if (effects.readable.length > 0) this.#reads.onReadable(effects.readable);
    this.metrics.onEffects(effects, this.#nowMs);
    for (const peer of effects.snapshotsWanted) this.#snapshots.begin(peer);
    if (effects.snapshotReply !== undefined) this.#snapshots.onReply(effects.snapshotReply);
    if (effects.snapshotChunk !== undefined) this.#onSnapshotChunk(effects.snapshotChunk);
    return effects;
  }

  #proposerOf(bounds: EntryBounds): Proposer {
    return new Proposer({
      view: this.#core.view,
      router: this.#router,
      machine: this.#machine,
      versions: this.#versions,
      metrics: this.metrics,
      bounds,
      nowMs: () => this.#nowMs,
      wallMs: () => this.#options.clock.wallMs(),
      applied: () => this.applied,
      propose: (data) => this.#step({ type: 'propose', now: this.#nowMs, data }),
      onEntry: () => this.#endPart(),
    });
  }

  #post(message: RaftMessage): void {
    this.#peers.add(message.to, { type: 'raft', message });
    this.#observe(rpcSent(message, this.#options.id, this.#nowMs));
  }

  /** In a turn that takes long, sends the pending messages and due heartbeats now. @returns the time. */
  #endPart(): number {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#pace.isPartOver(nowMs)) return nowMs;
    this.#nowMs = nowMs;
    this.#step({ type: 'heartbeat', now: nowMs });
    this.#flush(this.#peers);
    return nowMs;
  }

  #flush(outbox: PeerOutbox | ClientOutbox): void {
    this.metrics.bytesSent += outbox.flush(this.#options.outlet);
  }

  #noticeLeadership(): void {
    const { term, leader } = this.#core.view;
    if (term === this.#lastLeadership.term && leader === this.#lastLeadership.leader) return;
    this.#lastLeadership = { term, leader };
    this.#proposer.onLeadershipChanged();
    this.#router.onLeadershipChanged();
    this.#reads.onLeadershipChanged();
    if (!this.#isLeader) this.#snapshots.abortAll();
  }

  #persist(): void {
    if (this.#changes.truncateInParts(this.#options.storage)) {
      this.metrics.persists += 1;
      return;
    }
    const { view } = this.#core;
    const checkpoint = this.#checkpoints.nextPart(view, this.#machine, this.applied, () => this.#snapshots.wanted(view, this.#nowMs));
    const generation = this.generation.next(view, checkpoint !== undefined);
    if (this.#changes.isEmpty && checkpoint === undefined && generation === undefined) return;
    const startedMs = this.#endPart();
    this.#options.storage.persist(this.#changes.batchWith(checkpoint, generation, () => this.#endPart()));
    this.metrics.persists += 1;
    this.#memory.onWritten(this.#changes.append?.entries ?? []);
    this.#changes.clear();
    this.#step({ type: 'persisted', now: this.#nowMs, upTo: this.#core.view.log.last });
    if (checkpoint !== undefined) this.#onCheckpointWritten(checkpoint, startedMs);
    this.generation.onWritten(generation);
    this.#endPart();
  }

  #onCheckpointWritten(part: CheckpointPart, startedMs: number): void {
    const node = this.#options.id;
    const records = this.#machine.checkpointWritten();
    this.#checkpoints.onWritten(part);
    const tookMs = this.#options.clock.monotonicMs() - startedMs;
    this.#observe({ type: 'checkpoint', node, atMs: this.#nowMs, index: part.checkpoint.snapshot.index, records, tookMs });
    if (part.compactTo <= this.#core.view.log.compacted.index) return;
    this.#step({ type: 'compacted', now: this.#nowMs, upTo: part.compactTo });
    this.#memory.onCompacted(part.compactTo);
    this.#observe({ type: 'compacted', node, atMs: this.#nowMs, upTo: part.compactTo });
  }

  #apply(): void {
    this.#applier.apply(this.#core.view, this.#isLeader ? this.#router : undefined);
    this.#reads.serve(this.applied);
  }

  #onSnapshotChunk(message: InstallSnapshot): void {
    const { term, votedFor } = this.#core.view;
    const outcome = this.#snapshots.onChunk(message, { term, votedFor });
    if (outcome === 'installed') this.#onSnapshotInstalled(message.snapshot);
    else if (outcome === 'staged') this.#afterPersist.push(this.#snapshots.replyTo(message, term));
  }

  #onSnapshotInstalled(snapshot: SnapshotId): void {
    // Earlier changes of this turn belong to the log that the snapshot replaced; term and vote were written with it.
    this.#changes.clear();
    this.#memory.clear();
    this.metrics.persists += 1;
    this.#machine.restore((kind) => this.#options.storage.records(kind));
    this.#checkpoints.onInstalled(snapshot);
    this.#applier.onInstalled(snapshot.index);
    this.#reads.onFilled(undefined);
    this.#step({ type: 'snapshot-installed', now: this.#nowMs, snapshot });
    this.generation.onSnapshotInstalled(this.#core.view);
    this.#observe({ type: 'snapshot-installed', node: this.#options.id, atMs: this.#nowMs, index: snapshot.index });
  }

  #observe(event: NodeEvent): void {
    this.metrics.observe(event);
    this.#options.observe(event);
  }
}
