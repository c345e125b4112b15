import type { EntryId, LogIndex, Term } from '../base/ids.ts';
import { asIndex } from '../base/ids.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import type { Configuration, Entry } from '../raft/entry.ts';
import type { RaftMessage } from '../raft/message.ts';
import type { CoreView } from '../raft/raft-core.ts';
import type { Coverage } from './coverage.ts';
import type { SimNode } from './sim-node.ts';
import { checkProperty } from './violation.ts';

interface Written {
  readonly hash: number;
  readonly prevTerm: Term;
}

interface Committed {
  readonly term: Term;
  /** The term of the leader that committed it. */
  readonly inTerm: Term;
}

/** A node's state at the end of its last turn. */
interface Known {
  readonly commit: number;
  /** The newest term in which it was seen leading. */
  readonly ledTerm: number;
  readonly lastIndex: number;
  /** Index of the configuration that was in force. */
  readonly configuration: number;
  readonly life: number;
}

/**
 * Invariants that hold after every step (Raft Figure 3, and the guarantees of the design). Counts majorities by itself: the code
 * under test is not used.
 */
export class Invariants {
  readonly #nodes: ReadonlyMap<number, SimNode>;
  readonly #coverage: Coverage;
  /** Called for each entry once, in order. */
  readonly #onEntryCommitted: (id: EntryId) => void;
  readonly #leaders = new Map<number, number>();
  readonly #written = new Map<string, Written>();
  /** By index; the entry at 0 is a filler. */
  readonly #committed: Committed[] = [{ term: 0 as Term, inTerm: 0 as Term }];
  readonly #known = new Map<SimNode, Known>();
  readonly #digests = new Map<number, string>();

  constructor(nodes: ReadonlyMap<number, SimNode>, coverage: Coverage, onEntryCommitted: (id: EntryId) => void) {
    this.#nodes = nodes;
    this.#coverage = coverage;
    this.#onEntryCommitted = onEntryCommitted;
  }

  get commitIndex(): number {
    return this.#committed.length - 1;
  }

  /** Log matching: an index and a term name one entry, and one predecessor, on every disk there ever was. */
  onAppended(node: SimNode, entries: readonly Entry[], before: EntryId): void {
    let prevTerm = before.term;
    for (const entry of entries) {
      const key = `${entry.index} ${entry.term}`;
      const hash = hashOf(entry);
      const known = this.#written.get(key);
      if (known === undefined) this.#written.set(key, { hash, prevTerm });
      else {
        const isSame = known.hash === hash && known.prevTerm === prevTerm;
        checkProperty(
          isSame,
          'log matching',
          () => `node ${node.id} writes another entry ${entry.index} of term ${entry.term} than was written before`,
        );
      }
      prevTerm = entry.term;
    }
  }

  /** Only counted: an uncommitted entry may be deleted, no matter how many disks hold it (Raft Figure 8). */
  onTruncating(id: EntryId, isPart: boolean): void {
    if (isPart) this.#coverage.add('log truncated over several turns');
    const holders = [...this.#nodes.values()].filter(({ durable }) => durable.lastIndex >= id.index && durable.holds(id));
    if (holders.length > 1) this.#coverage.add('entry deleted that stood on several disks (Figure 8)');
  }

  /** What a node sends is already on its disk (Raft Figure 2: "updated on stable storage before responding to RPCs"). */
  onMessage(node: SimNode, message: RaftMessage): void {
    const { durable } = node;
    if (message.type === 'vote-reply' && message.granted && !message.preVote) {
      const isOnDisk = durable.term > message.term || (durable.term === message.term && durable.votedFor === message.to);
      checkProperty(
        isOnDisk,
        'a vote is on disk before it leaves',
        () => `node ${node.id} votes for ${message.to} in term ${message.term}`,
      );
    } else if (message.type === 'request-vote' && !message.preVote) {
      // This node can give no other vote in a term that passed in the same turn.
      const isOnDisk = durable.term > message.term || (durable.term === message.term && durable.votedFor === node.nodeId);
      checkProperty(isOnDisk, 'a vote is on disk before it leaves', () => `node ${node.id} campaigns in term ${message.term}`);
    } else if (message.type === 'append-accepted') {
      checkProperty(
        durable.term >= message.term,
        'an acknowledgement is on disk before it leaves',
        () => `node ${node.id} speaks in term ${message.term}`,
      );
      // A turn that also truncates for the leader of a later term counts as if the entries had been written and deleted again: that
      // leader's election shows that they were not committed.
      const isOnDisk = durable.term > message.term || durable.lastIndex >= message.match;
      checkProperty(isOnDisk, 'an acknowledgement is on disk before it leaves', () => `node ${node.id} acknowledges ${message.match}`);
    } else if (message.type === 'append') this.#onCommitted(node, message.commit);
  }

  /** Before a commit index is sent to another node, and after every turn. */
  onTurn(node: SimNode, runtime: NodeRuntime): void {
    const { view } = runtime;
    const known = this.#known.get(node);
    const isSameLife = known !== undefined && known.life === node.lives;
    const before = isSameLife ? known : { commit: 0, ledTerm: 0, lastIndex: 0, configuration: 0, life: node.lives };
    checkProperty(
      view.commit >= before.commit,
      'the commit index never goes back',
      () => `node ${node.id}: ${before.commit}, then ${view.commit}`,
    );
    if (view.role === 'leader') this.#checkLeader(node, view, before);
    if (view.configurations.latest.index !== before.configuration) checkNames(node, view.configurations.latest.configuration);
    this.#onCommitted(node, view.commit);
    this.#checkCommitted(node, view, before.commit);
    const ledTerm = view.role === 'leader' ? view.term : 0;
    const configuration = view.configurations.latest.index;
    this.#known.set(node, { commit: view.commit, ledTerm, lastIndex: view.log.lastIndex, configuration, life: node.lives });
  }

  /** Replicas that have applied the same entries are the same. Costs a pass over the state. */
  checkState(node: SimNode, runtime: NodeRuntime): void {
    runtime.machine.check();
    const { applied, digest } = runtime.digest();
    const known = this.#digests.get(applied);
    if (known === undefined) this.#digests.set(applied, digest);
    checkProperty(
      known === undefined || known === digest,
      'equal replicas',
      () => `node ${node.id} differs from another one at entry ${applied}`,
    );
  }

  #checkLeader(node: SimNode, view: CoreView, before: { readonly ledTerm: number; readonly lastIndex: number }): void {
    const other = this.#leaders.get(view.term);
    checkProperty(
      other === undefined || other === node.id,
      'one leader a term',
      () => `nodes ${other} and ${node.id} both lead term ${view.term}`,
    );
    if (other === undefined) {
      this.#leaders.set(view.term, node.id);
      this.#checkComplete(node, view);
    }
    const isShorter = before.ledTerm === view.term && view.log.lastIndex < before.lastIndex;
    checkProperty(!isShorter, 'a leader only appends', () => `leader ${node.id} of term ${view.term} shortened its log`);
  }

  /**
   * Leader completeness: a new leader's log has all entries committed in earlier terms; by log matching it suffices to check the last one.
   */
  #checkComplete(node: SimNode, view: CoreView): void {
    let index = this.#committed.length - 1;
    while (index > 0 && (this.#committed[index]?.inTerm ?? 0) >= view.term) index -= 1;
    if (index === 0 || index <= view.log.compacted.index) return;
    const found = view.log.termAt(asIndex(index));
    const { term } = this.#committed[index] ?? { term: 0 };
    checkProperty(
      found === term,
      'a leader has what is committed',
      () => `leader ${node.id} of term ${view.term} lacks entry ${index} of term ${term}`,
    );
  }

  /** The first node that knows an entry to be committed has committed it itself: then it is on the disks of a majority. */
  #onCommitted(node: SimNode, commit: LogIndex): void {
    if (commit <= this.commitIndex) return;
    const view = node.runtime?.view;
    if (view === undefined) return;
    const term = termAt(node, view, commit);
    checkProperty(term !== undefined, 'committed entries are known', () => `node ${node.id} commits ${commit}, which it does not have`);
    checkProperty(
      view.role !== 'leader' || term === view.term,
      'earlier terms are not committed by counting',
      () => `leader ${node.id} of term ${view.term} commits up to entry ${commit} of term ${term}`,
    );
    const { latest } = view.configurations;
    const known = [latest.configuration];
    // A configuration appended in this turn was not yet in force when the entry was committed.
    const settled = this.#known.get(node);
    const inForce = settled?.life === node.lives ? settled.configuration : node.durable.lastIndex;
    for (let { index } = latest; index > inForce; ) {
      const before = view.configurations.at(asIndex(index - 1));
      if (before.index >= index) break;
      known.push(before.configuration);
      index = before.index;
    }
    const isOnMajority = known.some((configuration) => this.#isOnMajority(configuration, { index: commit, term }));
    checkProperty(isOnMajority, 'committed means on disk on a majority', () => {
      const holders = [...this.#nodes.keys()].filter((id) => this.#holds(latest.configuration, id, { index: commit, term }));
      return `node ${node.id} commits entry ${commit} of term ${term}, which is on the disks of ${holders.join(', ') || 'no node'}, with voters ${latest.configuration.voters.join(', ')}, outgoing ${latest.configuration.outgoing.join(', ')}`;
    });
    for (let index = this.#committed.length; index <= commit; index += 1) {
      const each = termAt(node, view, asIndex(index));
      checkProperty(each !== undefined, 'committed entries are known', () => `node ${node.id} commits ${index}, which it does not have`);
      this.#committed.push({ term: each, inTerm: view.term });
      this.#onEntryCommitted({ index: asIndex(index), term: each });
      if (each < view.term) this.#coverage.add('committed entry of an earlier term with one of its own');
    }
  }

  /** Counted here, not by the code under test. */
  #isOnMajority(configuration: Configuration, id: EntryId): boolean {
    return [configuration.voters, configuration.outgoing].every((named) => {
      // A node that is named twice counts once.
      const voters = [...new Set(named)];
      const holders = voters.filter((voter) => this.#holds(configuration, voter, id));
      return voters.length === 0 || 2 * holders.length > voters.length;
    });
  }

  #holds({ disks }: Configuration, voter: number, id: EntryId): boolean {
    const node = this.#nodes.get(voter);
    if (node === undefined) return false;
    // A disk that was lost after it acknowledged counts: this limits how many may be lost.
    const disk = disks.find((known) => known.node === voter)?.disk ?? node.diskId;
    return node.everDurable.get(disk)?.holds(id) ?? false;
  }

  /** State machine safety: entries that a node considers committed are the committed ones. */
  #checkCommitted(node: SimNode, view: CoreView, after: number): void {
    for (let index = Math.max(after, view.log.compacted.index) + 1; index <= view.commit; index += 1) {
      const mine = view.log.termAt(asIndex(index));
      const { term } = this.#committed[index] ?? { term: undefined };
      checkProperty(
        mine === term,
        'equal committed entries',
        () => `node ${node.id} commits entry ${index} of term ${mine}; ${term} is committed`,
      );
    }
    const { compacted } = view.log;
    const boundary = this.#committed[compacted.index]?.term;
    checkProperty(
      compacted.index === 0 || boundary === compacted.term,
      'equal committed entries',
      () => `node ${node.id} compacted up to entry ${compacted.index} of term ${compacted.term}; ${boundary} is committed`,
    );
  }
}

/** The entry's term, even if it is compacted by now. */
const termAt = (node: SimNode, view: CoreView, index: LogIndex): Term | undefined => view.log.termAt(index) ?? node.durable.history[index];

function hashOf({ kind, data }: Entry): number {
  let hash = kind.length;
  for (let at = 0; at < data.length; at += 1) hash = Math.imul(hash ^ (data[at] ?? 0), 0x01000193);
  return hash;
}

/** Each voter has one vote. */
function checkNames(node: SimNode, { voters, outgoing, learners, joining }: Configuration): void {
  for (const named of [voters, outgoing, learners, joining]) {
    checkProperty(
      new Set(named).size === named.length,
      'a configuration names each node once',
      () => `node ${node.id} has ${named.join(', ')}`,
    );
  }
}
