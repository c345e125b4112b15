import { asIndex, asNodeId, asTerm } from '../../../src/base/ids.ts';
import type { Entry } from '../../../src/raft/entry.ts';
import { CommandError } from './arguments.ts';
import type { Commands } from './command.ts';
import { nodeInWords } from './state.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

/** Commands for nodes and time. */
export const NODE_COMMANDS: Commands = {
  /** `node 1 log=1,1,2 [term= vote= compacted=4@1]`: the initial state of its disk. */
  node: (cluster, args) => {
    const id = args.node();
    const compacted = args.id('compacted') ?? { index: 0, term: 0 };
    const terms = args.numbers('log') ?? [];
    const term = args.number('term') ?? Math.max(compacted.term, ...terms);
    const vote = args.number('vote');
    args.end();
    const disk = cluster.disk(id);
    cluster.crash(id);
    cluster.presume(
      Array.from({ length: compacted.index }, (_, offset) => olderEntry(offset + 1, compacted.term)),
      compacted.term,
    );
    disk.hardState = { term: asTerm(term), votedFor: vote === undefined ? undefined : asNodeId(vote) };
    disk.compacted = { index: asIndex(compacted.index), term: asTerm(compacted.term) };
    disk.entries = terms.map((each, offset) => olderEntry(compacted.index + 1 + offset, each));
    cluster.restart(id);
    cluster.say(nodeInWords(id, cluster.core(id).view));
  },

  /** `campaign 1`: its election timeout passes. */
  campaign: (cluster, args) => {
    const id = args.node();
    args.end();
    if (cluster.core(id).view.role === 'leader') throw new CommandError(`Node ${id} leads; "tick ${id}" is for leaders.`);
    cluster.reachDeadline(id);
  },

  /** `elect 1 [among=1,2]`: its election timeout passes, and everything is delivered; it must lead then. */
  elect: (cluster, args) => {
    const id = args.node();
    const among = args.numbers('among') ?? cluster.ids;
    args.end();
    cluster.reachDeadline(id);
    cluster.stabilize(among);
    const { role } = cluster.core(id).view;
    if (role !== 'leader') throw new CommandError(`Node ${id} was not elected; it is ${role}.`);
  },

  /** `tick 1 [count=3]`: its next deadline passes; of a leader, a heartbeat. */
  tick: (cluster, args) => {
    const id = args.node();
    const count = args.number('count') ?? 1;
    args.end();
    for (let done = 0; done < count; done += 1) cluster.reachDeadline(id);
  },

  /** `advance 50`: advances the clock by these milliseconds; no deadline fires. */
  advance: (cluster, args) => {
    const ms = Number(args.word('milliseconds'));
    args.end();
    if (!Number.isFinite(ms) || ms <= 0) throw new CommandError('"advance" needs milliseconds.');
    cluster.now += ms;
  },

  /** `run 500 [among=1,2,3]`: advances the clock; deadlines fire in order, and messages arrive at once. */
  run: (cluster, args) => {
    const ms = Number(args.word('milliseconds'));
    const among = args.numbers('among') ?? cluster.ids;
    args.end();
    if (!Number.isFinite(ms) || ms <= 0) throw new CommandError('"run" needs milliseconds.');
    runFor(cluster, ms, among);
  },

  crash: (cluster, args) => {
    const ids = args.nodes();
    args.end();
    for (const id of ids) {
      cluster.core(id);
      cluster.crash(id);
    }
  },

  restart: (cluster, args) => {
    const ids = args.nodes();
    args.end();
    for (const id of ids) {
      cluster.restart(id);
      cluster.say(nodeInWords(id, cluster.core(id).view));
    }
  },

  /** `peer-lost 2 of=1`: reports to node 2 that its channel to 1 closed. */
  'peer-lost': (cluster, args) => {
    const id = args.node();
    const peer = args.number('of');
    args.end();
    if (peer === undefined) throw new CommandError('"peer-lost" needs of=, the node at the other end.');
    cluster.step(id, { type: 'peer-lost', peer: asNodeId(peer) });
  },
};

/** An initial entry: its bytes follow from its index and term, so that logs that agree in these agree. */
const olderEntry = (index: number, term: number): Entry => ({
  index: asIndex(index),
  term: asTerm(term),
  kind: 'command',
  data: new TextEncoder().encode(`${index}@${term}`),
});

/** No transcript needs more deadlines than these. */
const DEADLINES_MAX = 2_000;

function runFor(cluster: TranscriptCluster, ms: number, among: readonly number[]): void {
  const end = cluster.now + ms;
  for (let deadlines = 0; deadlines < DEADLINES_MAX; deadlines += 1) {
    cluster.stabilize(among);
    const dueMs = (id: number): number => cluster.core(id).nextDeadlineMs;
    const next = cluster
      .liveIds()
      .filter((id) => among.includes(id))
      .sort((a, b) => dueMs(a) - dueMs(b))[0];
    if (next === undefined || dueMs(next) > end) {
      cluster.now = Math.max(cluster.now, end);
      return;
    }
    cluster.reachDeadline(next);
  }
  throw new CommandError('Too many deadlines.');
}
