import { ANY_GENERATION, type Generation, isAccepted } from '../base/generation.ts';
import type { DiskId, LogIndex, NodeId, Term } from '../base/ids.ts';
import { asIndex } from '../base/ids.ts';
import { SeededRandom } from '../base/random.ts';
import type { CandidateState } from './candidate-state.ts';
import type { RaftConfig } from './config.ts';
import { ConfigurationLog } from './configuration-log.ts';
import type { EffectsBuilder } from './effects.ts';
import { emptyEffects } from './effects.ts';
import { ElectionTimer } from './election-timer.ts';
import type { Configuration, Entry, EntryId, HardState, SnapshotId } from './entry.ts';
import { FollowerState } from './follower-state.ts';
import type { LeaderState } from './leader-state.ts';
import { RaftLog } from './log.ts';
import type { RaftMessage } from './message.ts';
import type { Role } from './notice.ts';
import { membersOf } from './quorum.ts';

/** What an election does beyond the algorithm of the Raft paper. */
export interface ElectionRules {
  /** A node asks for pre-votes before it raises the term (thesis §9.6). */
  readonly preVote: boolean;
  /** Of two nodes that ask for pre-votes at the same time one yields. */
  readonly tieBreak: boolean;
}

/** Initial state of a core: what its storage contains, and its seed. */
export interface RaftBoot {
  readonly id: NodeId;
  /** The id of the file in which the node keeps its term, vote and log; zero where disks are not distinguished. */
  readonly disk: DiskId;
  /** The file's generation, raised at this start; default: none. */
  readonly generation?: Generation;
  readonly config: RaftConfig;
  /** Only experiments change it. Default: both. */
  readonly electionRules?: ElectionRules;
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

/** Exactly one at any time. A change of role replaces it, so that nothing of the previous role is left. */
type RoleState = FollowerState | CandidateState | LeaderState;

/**
 * The state that the handlers of all roles share, and the state of the current role. Only the handlers and `RaftCore` access it. The
 * handlers of one role get its state object as an argument.
 */
export class SharedState {
  readonly id: NodeId;
  /** Never changes: a node with another disk is another process of the core. */
  readonly disk: DiskId;
  /** Only raised, and only once the higher one is on disk. */
  generation: Generation;
  readonly config: RaftConfig;
  readonly electionRules: ElectionRules;
  readonly random: SeededRandom;
  readonly log: RaftLog;
  /** The configurations in force from `compacted` on. */
  readonly configurations: ConfigurationLog;
  /** All other nodes that receive the log, by the configuration in force. */
  peers: readonly NodeId[];

  /** "Latest term server has seen" (Raft Figure 2): never goes back, and no entry of the log has a later one. Persisted with `votedFor`. */
  term: Term;
  /** "candidateId that received vote in current term" (Raft Figure 2): once set, it changes only with the term. */
  votedFor: NodeId | undefined;
  /** "Index of highest log entry known to be committed" (Raft Figure 2): never goes back; compacted <= commit <= last. */
  commit: LogIndex;

  /** The time of the current event, monotonic ms; never goes back. */
  now: number;
  /**
   * When a message of a leader last arrived: until an election timeout later, votes for another node are rejected (thesis §4.2.3). A
   * promise to that leader, so it outlasts changes of this node's role.
   */
  leaderContactMs = Number.NEGATIVE_INFINITY;
  /**
   * Nodes whose messages arrived since their channel last closed: they voted for this node since its latest pre-vote round, or replied to
   * it as the leader. A candidate collects them for the leader that it becomes.
   */
  readonly present = new Set<NodeId>();

  /** Of the current step. */
  effects: EffectsBuilder = emptyEffects();
  #state: RoleState;

  constructor(boot: RaftBoot) {
    this.id = boot.id;
    this.disk = boot.disk;
    this.generation = boot.generation ?? ANY_GENERATION;
    this.config = boot.config;
    this.electionRules = boot.electionRules ?? { preVote: true, tieBreak: true };
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
    // "When servers start up, they begin as followers" (Raft §5.2).
    this.#state = new FollowerState(new ElectionTimer(this.config, this.random, this.now), undefined, false);
  }

  get state(): RoleState {
    return this.#state;
  }

  get role(): Role {
    return this.#state.role;
  }

  /** The leader of the current term, as far as it is known: this node itself while it leads. */
  get leader(): NodeId | undefined {
    const state = this.#state;
    if (state.role === 'follower') return state.leader;
    return state.role === 'leader' ? this.id : undefined;
  }

  /** What the leader has committed, as far as this node knows; undefined without a leader, and before it has sent anything. */
  get leaderCommit(): LogIndex | undefined {
    const state = this.#state;
    if (state.role === 'follower') return state.leaderCommit;
    return state.role === 'leader' ? this.commit : undefined;
  }

  /** The state of this node's leadership; undefined while it does not lead. */
  get leading(): LeaderState | undefined {
    return this.#state.role === 'leader' ? this.#state : undefined;
  }

  /** A node that leads starts no election. */
  get electionTimer(): ElectionTimer | undefined {
    return this.#state.role === 'leader' ? undefined : this.#state.timer;
  }

  /** This node learned that it is no longer a member. */
  get isRemoved(): boolean {
    return this.#state.role === 'follower' && this.#state.isRemoved;
  }

  /** The configuration in force: the latest in the log, committed or not. */
  get configuration(): Configuration {
    return this.configurations.latest.configuration;
  }

  /** Replaces the state of the role. The role is reported if it is another one. */
  become(state: RoleState): void {
    const isNewRole = state.role !== this.#state.role;
    this.#state = state;
    if (isNewRole) this.effects.notices.push({ type: 'role', term: this.term, role: state.role, leader: this.leader });
  }

  setHardState(term: Term, votedFor: NodeId | undefined): void {
    if (term === this.term && votedFor === this.votedFor) return;
    this.term = term;
    this.votedFor = votedFor;
    this.effects.hardState = { term, votedFor };
  }

  /** Need not wait for this node's own disk. */
  send(message: RaftMessage): void {
    this.effects.messages.push(message);
  }

  sendAfterPersist(message: RaftMessage): void {
    this.effects.messagesAfterPersist.push(message);
  }

  /** "A server always uses the latest configuration in its log, regardless of whether the entry is committed" (Raft §6). */
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
