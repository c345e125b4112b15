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
import type { Progress } from './progress.ts';
import { membersOf } from './quorum.ts';
import { ReadRounds } from './read-rounds.ts';
import type { PendingRebuild } from './rebuild-question.ts';
import type { PendingStep } from './step-quorum.ts';

/** What a core starts from: what its storage held, and its seed. */
export interface RaftBoot {
  readonly id: NodeId;
  /** The id of the file that the node keeps its promises in; zero where disks are not told apart. */
  readonly disk: DiskId;
  /** The file's generation, raised at this start; default: none. */
  readonly generation?: Generation;
  readonly config: RaftConfig;
  /** The configuration in force at `commit`; later ones stand in `entries`. */
  readonly configuration: Configuration;
  readonly hardState: HardState;
  readonly compacted: EntryId;
  readonly entries: readonly Entry[];
  /** Everything up to here is known to be committed: what the checkpoint covers. */
  readonly commit: LogIndex;
  readonly seed: number;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/** Leadership on its way to another node (thesis §3.10). */
export interface Transfer {
  readonly to: NodeId;
  /** When it is given up, monotonic ms. */
  readonly dueMs: number;
  isAsked: boolean;
}

/** The state that the handlers of election, following and leading share. Only they and `RaftCore` touch it. */
export class CoreState {
  readonly id: NodeId;
  readonly disk: DiskId;
  generation: Generation;
  readonly config: RaftConfig;
  readonly random: SeededRandom;
  readonly log: RaftLog;
  readonly configurations: ConfigurationLog;
  /** Everyone else who receives the log, by the configuration in force. */
  peers: readonly NodeId[];

  // Raft Figure 2. `term` and `votedFor` are persisted before anything that was said under them leaves the node.
  term: Term;
  votedFor: NodeId | undefined;
  commit: LogIndex;

  role: Role = 'follower';
  leader: NodeId | undefined;
  /** Now, as the event at hand says; never goes back. */
  now: number;
  /** When a follower or candidate starts an election. */
  electionDueMs = 0;
  /** How much of this node's own absences was not counted as the leader's silence since the timer began, ms. */
  excusedMs = 0;
  /** When the leader of this term was last heard: until an election timeout later, votes for another node are rejected (thesis §4.2.3). */
  leaderHeardMs = Number.NEGATIVE_INFINITY;
  /** The leader's channel closed and no other leader is known yet: elections follow each other quickly. */
  isLeaderLost = false;
  /**
   * How often this node asked for pre-votes since: each time the short wait doubles, until it is the ordinary one. Where network
   * and disks are slower than the short wait, elections would otherwise cut each other off forever.
   */
  fastElectionRounds = 0;
  /** Replies to this node's pre-vote or vote, its own among them. */
  readonly votes = new Map<NodeId, boolean>();
  /** Those that were heard since their channel last closed: they voted for this node in its latest election, or answered to it as the leader. */
  readonly present = new Set<NodeId>();
  /** It was told that it is no member any more: it starts no election until a leader speaks to it. */
  isRemoved = false;

  // Only meaningful while leader.
  readonly progress = new Map<NodeId, Progress>();
  readonly reads = new ReadRounds();
  heartbeatDueMs = 0;
  uncommittedBytes = 0;
  transfer: Transfer | undefined;
  /** The latest question whether a disk may be given up. */
  rebuild: PendingRebuild | undefined;
  /** The step of a change of members for which it asked last whether the voters are there. */
  askedStep: PendingStep | undefined;
  /** It asked another node to lead: that one may be elected at any time, lease or not. */
  isLeaseRevoked = false;
  /** A leader that needed no vote but its own leads before its term is on disk: until then everything it says waits for that. */
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
    // The leader before this node stopped may still hold a lease that rests on this node's reply.
    if (boot.config.leaseMs > 0) this.leaderHeardMs = boot.now;
    this.resetElectionTimer();
  }

  /** The configuration in force: the latest in the log, committed or not. */
  get configuration(): Configuration {
    return this.configurations.latest.configuration;
  }

  /**
   * Randomised each time, over the whole range, so that ties do not repeat (Raft §5.2).
   * @param lostLeaderScale stretches the short wait after a lost leader.
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

  /** A configuration is in force as soon as it is written in the log (Raft §6). */
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
    this.configurations.forgetBefore(upTo);
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
   * Another node has a record of this disk. A record that does not accept this generation was made of a later state of the file, which this node has
   * forgotten: whatever it promised then, it must not vote or acknowledge any more.
   */
  noticeRecord(disk: DiskId, recorded: Generation | undefined): void {
    if (disk === this.disk && recorded !== undefined && !isAccepted(recorded, this.generation)) this.effects.rolledBack = recorded;
  }

  /** Whether the members of the latest configuration are committed; records of generations behind them may not be. */
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
