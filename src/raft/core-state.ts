import { ANY_GENERATION, type Generation, isAccepted } from '../base/generation.ts';
import type { DiskId, LogIndex, NodeId, Term } from '../base/ids.ts';
import { asIndex } from '../base/ids.ts';
import { SeededRandom } from '../base/random.ts';
import type { RaftConfig } from './config.ts';
import { ConfigurationLog } from './configuration-log.ts';
import type { EffectsBuilder } from './effects.ts';
import { emptyEffects } from './effects.ts';
import type { Configuration, Entry, EntryId, HardState, SnapshotId } from './entry.ts';
import { RaftLog } from './log.ts';
import type { RaftMessage } from './message.ts';
import type { Role } from './notice.ts';
import type { PendingStep } from './pending-step.ts';
import type { Progress } from './progress.ts';
import { membersOf } from './quorum.ts';
import { ReadRounds } from './read-rounds.ts';
import type { PendingRebuild } from './rebuild-question.ts';

/** Initial state of a core: what its storage contains, and its seed. */
export interface RaftBoot {
  readonly id: NodeId;
  /** The id of the file in which the node keeps its term, vote and log; zero where disks are not distinguished. */
  readonly disk: DiskId;
  /** The file's generation, raised at this start; default: none. */
  readonly generation?: Generation;
  readonly config: RaftConfig;
  /** The configuration in force at `commit`; later ones are in `entries`. */
  readonly configuration: Configuration;
  readonly hardState: HardState;
  readonly compacted: EntryId;
  readonly entries: readonly Entry[];
  /** Everything up to here is known to be committed: the checkpoint covers it. */
  readonly commit: LogIndex;
  readonly seed: number;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/** A leadership transfer in progress (thesis §3.10). */
export interface Transfer {
  readonly to: NodeId;
  /** When it is aborted, monotonic ms. */
  readonly dueMs: number;
  isAsked: boolean;
}

/** The state that the handlers of all roles share. Only they and `RaftCore` access it. */
export class CoreState {
  readonly id: NodeId;
  readonly disk: DiskId;
  generation: Generation;
  readonly config: RaftConfig;
  readonly random: SeededRandom;
  readonly log: RaftLog;
  readonly configurations: ConfigurationLog;
  /** All other nodes that receive the log, by the configuration in force. */
  peers: readonly NodeId[];

  // Raft Figure 2. `term` and `votedFor` are persisted before any message that depends on them is sent.
  term: Term;
  votedFor: NodeId | undefined;
  commit: LogIndex;

  role: Role = 'follower';
  leader: NodeId | undefined;
  /** The time of the current event; never goes back. */
  now: number;
  /** When a follower or candidate starts an election. */
  electionDueMs = 0;
  /** Excused time of this node's own absences since the timer started, in ms. */
  excusedMs = 0;
  /**
   * When a message of this term's leader last arrived: until an election timeout later, votes for another node are rejected (thesis
   * §4.2.3).
   */
  leaderContactMs = Number.NEGATIVE_INFINITY;
  /** The leader's channel closed and no other leader is known yet: election timeouts are short. */
  isLeaderLost = false;
  /**
   * Pre-vote rounds of this node since then: each doubles the short timeout, up to the ordinary one. Where network and disks are slower
   * than the short timeout, elections would otherwise interrupt each other forever.
   */
  fastElectionRounds = 0;
  /** Replies to this node's pre-vote or vote, its own included. */
  readonly votes = new Map<NodeId, boolean>();
  /**
   * Nodes whose messages arrived since their channel last closed: they voted for this node in its latest election, or replied to it as the
   * leader.
   */
  readonly present = new Set<NodeId>();
  /** This node learned that it is no longer a member: it starts no election until a leader contacts it. */
  isRemoved = false;

  // Only meaningful while leader.
  readonly progress = new Map<NodeId, Progress>();
  readonly reads = new ReadRounds();
  heartbeatDueMs = 0;
  uncommittedBytes = 0;
  transfer: Transfer | undefined;
  /** The latest request whether a disk may be discarded. */
  rebuild: PendingRebuild | undefined;
  /** The step of a membership change for which the leader last asked the voters to confirm that they are available. */
  askedStep: PendingStep | undefined;
  /** This leader asked another node to lead: that node may be elected at any time, lease or not. */
  isLeaseRevoked = false;
  /** A leader that needed only its own vote leads before its term is on disk: until then all its messages wait for the disk. */
  isTermOnDisk = true;

  effects: EffectsBuilder = emptyEffects();

  constructor(boot: RaftBoot) {
    this.id = boot.id;
    this.disk = boot.disk;
    this.generation = boot.generation ?? ANY_GENERATION;
    this.config = boot.config;
    this.random = new SeededRandom(boot.seed);
    this.log = new RaftLog(boot.compacted, boot.entries);
    this.term = boot.hardState.term;
    this.votedFor = boot.hardState.votedFor;
    this.commit = asIndex(Math.max(boot.commit, boot.compacted.index));
    this.now = boot.now;
    this.configurations = new ConfigurationLog({ index: this.commit, configuration: boot.configuration }, boot.entries);
    this.peers = this.#othersIn(this.configuration);
    // The previous leader may still hold a lease that depends on this node's reply before it stopped.
    if (boot.config.leaseMs > 0) this.leaderContactMs = boot.now;
    this.resetElectionTimer();
  }

  /** The configuration in force: the latest in the log, committed or not. */
  get configuration(): Configuration {
    return this.configurations.latest.configuration;
  }

  /**
   * Randomised over the whole range each time, so that ties do not repeat (Raft §5.2).
   * @param lostLeaderScale multiplies the short timeout after a lost leader.
   */
  resetElectionTimer(lostLeaderScale = 1): void {
    const { electionTimeoutMs, lostLeaderElectionMs } = this.config;
    const shortMs = lostLeaderElectionMs * lostLeaderScale * 2 ** this.fastElectionRounds;
    const wait =
      this.isLeaderLost && 5 * shortMs < electionTimeoutMs
        ? this.random.nextBetween(shortMs, 5 * shortMs)
        : this.random.nextBetween(electionTimeoutMs, 2 * electionTimeoutMs);
    this.electionDueMs = this.now + wait;
    this.excusedMs = 0;
  }

  setHardState(term: Term, votedFor: NodeId | undefined): void {
    if (term === this.term && votedFor === this.votedFor) return;
    this.term = term;
    this.votedFor = votedFor;
    this.effects.hardState = { term, votedFor };
  }

  /** For a leader's messages, which need not wait for its own disk. */
  send(message: RaftMessage): void {
    if (this.isTermOnDisk) this.effects.messages.push(message);
    else this.sendAfterPersist(message);
  }

  sendAfterPersist(message: RaftMessage): void {
    this.effects.messagesAfterPersist.push(message);
  }

  /** A configuration is in force as soon as it is in the log (Raft §6). */
  append(entry: Entry): void {
    this.log.append(entry);
    if (this.configurations.onAppended(entry)) this.#onConfiguration();
  }

  truncate(from: LogIndex): void {
    this.log.truncate(from);
    this.effects.notices.push({ type: 'truncated', from });
    if (this.configurations.onTruncated(from)) this.#onConfiguration();
  }

  compact(upTo: LogIndex): void {
    this.log.compact(upTo);
    this.configurations.dropBefore(upTo);
  }

  resetTo(snapshot: SnapshotId): void {
    this.log.resetTo({ index: snapshot.index, term: snapshot.term });
    this.configurations.resetTo({ index: snapshot.index, configuration: snapshot.configuration });
    this.#onConfiguration();
  }

  /** Commits up to `index`; never goes back. */
  advanceCommit(index: LogIndex): void {
    if (index <= this.commit) return;
    this.commit = index;
    this.effects.commit = index;
  }

  changeRole(role: Role, leader: NodeId | undefined): void {
    if (role === this.role && leader === this.leader) return;
    const isNewRole = role !== this.role;
    this.role = role;
    this.leader = leader;
    if (isNewRole) this.effects.notices.push({ type: 'role', term: this.term, role, leader });
    else if (leader !== undefined) this.effects.notices.push({ type: 'leader-known', term: this.term, leader });
  }

  /**
   * Another node has a record of this disk. If the record does not accept this generation, it was made of a later state of the file, which
   * this node has lost: this node must not vote or acknowledge any more, whatever it promised in that state.
   */
  noticeRecord(disk: DiskId, recorded: Generation | undefined): void {
    if (disk === this.disk && recorded !== undefined && !isAccepted(recorded, this.generation)) this.effects.rolledBack = recorded;
  }

  /** Whether the members of the latest configuration are committed; later records of generations may not be. */
  get areMembersCommitted(): boolean {
    return this.configurations.latest.membersSince <= this.commit;
  }

  #onConfiguration(): void {
    const own = this.configuration.disks.find(({ node }) => node === this.id);
    if (own !== undefined) this.noticeRecord(own.disk, own.generation);
    this.peers = this.#othersIn(this.configuration);
    const { index, configuration } = this.configurations.latest;
    this.effects.notices.push({ type: 'configuration', index, configuration });
  }

  #othersIn(configuration: Configuration): NodeId[] {
    return membersOf(configuration).filter((member) => member !== this.id);
  }
}
