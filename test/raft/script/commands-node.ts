import { asIndex, asNodeId, asTerm } from '../../../src/base/ids.ts';
import type { Entry } from '../../../src/raft/entry.ts';
import { CommandError } from './arguments.ts';
import type { Commands } from './commands.ts';
import { nodeInWords } from './state.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

/** What happens to a node, and time. */
export const NODE_COMMANDS: Commands = {
  /** `node 1 log=1,1,2 [term= vote= compacted=4@1]`: what was on its disk before the story began. */
  node: (world, args) => {
    const id = args.node();
    const compacted = args.id('compacted') ?? { index: 0, term: 0 };
    const terms = args.numbers('log') ?? [];
    const term = args.number('term') ?? Math.max(compacted.term, ...terms);
    const vote = args.number('vote');
    args.end();
    const disk = world.disk(id);
    world.crash(id);
    world.presume(
      Array.from({ length: compacted.index }, (_, offset) => olderEntry(offset + 1, compacted.term)),
      compacted.term,
    );
    disk.hardState = { term: asTerm(term), votedFor: vote === undefined ? undefined : asNodeId(vote) };
    disk.compacted = { index: asIndex(compacted.index), term: asTerm(compacted.term) };
    disk.entries = terms.map((each, offset) => olderEntry(compacted.index + 1 + offset, each));
    world.restart(id);
    world.say(nodeInWords(id, world.core(id).view));
  },

  /** `campaign 1`: its election timeout passes. */
  campaign: (world, args) => {
    const id = args.node();
    args.end();
    if (world.core(id).view.role === 'leader') throw new CommandError(`Node ${id} leads; "tick ${id}" is for leaders.`);
    world.reachDeadline(id);
  },

  /** `elect 1 [among=1,2]`: its election timeout passes, and everything is delivered; it must lead then. */
  elect: (world, args) => {
    const id = args.node();
    const among = args.numbers('among') ?? world.ids;
    args.end();
    world.reachDeadline(id);
    world.stabilize(among);
    const { role } = world.core(id).view;
    if (role !== 'leader') throw new CommandError(`Node ${id} was not elected; it is ${role}.`);
  },

  /** `tick 1 [count=3]`: its next deadline passes; of a leader, a heartbeat. */
  tick: (world, args) => {
    const id = args.node();
    const count = args.number('count') ?? 1;
    args.end();
    for (let done = 0; done < count; done += 1) world.reachDeadline(id);
  },

  /** `advance 50`: the clock goes on, in milliseconds, and no deadline is noticed. */
  advance: (world, args) => {
    const ms = Number(args.word('milliseconds'));
    args.end();
    if (!Number.isFinite(ms) || ms <= 0) throw new CommandError('"advance" needs milliseconds.');
    world.now += ms;
  },

  /** `run 500 [among=1,2,3]`: time goes on, deadlines pass in their order, and everything arrives at once. */
  run: (world, args) => {
    const ms = Number(args.word('milliseconds'));
    const among = args.numbers('among') ?? world.ids;
    args.end();
    if (!Number.isFinite(ms) || ms <= 0) throw new CommandError('"run" needs milliseconds.');
    runFor(world, ms, among);
  },

  crash: (world, args) => {
    const ids = args.nodes();
    args.end();
    for (const id of ids) {
      world.core(id);
      world.crash(id);
    }
  },

  restart: (world, args) => {
    const ids = args.nodes();
    args.end();
    for (const id of ids) {
      world.restart(id);
      world.say(nodeInWords(id, world.core(id).view));
    }
  },

  /** `peer-lost 2 of=1`: node 2 is told that its channel to 1 closed. */
  'peer-lost': (world, args) => {
    const id = args.node();
    const peer = args.number('of');
    args.end();
    if (peer === undefined) throw new CommandError('"peer-lost" needs of=, the node at the other end.');
    world.step(id, { type: 'peer-lost', peer: asNodeId(peer) });
  },
};

/** An entry of before the story: its bytes follow from its place and term, so that logs that agree in these agree. */
const olderEntry = (index: number, term: number): Entry => ({
  index: asIndex(index),
  term: asTerm(term),
  kind: 'command',
  data: new TextEncoder().encode(`${index}@${term}`),
});

/** No story takes more deadlines than these. */
const DEADLINES_MAX = 2_000;

function runFor(world: TranscriptCluster, ms: number, among: readonly number[]): void {
  const end = world.now + ms;
  for (let deadlines = 0; deadlines < DEADLINES_MAX; deadlines += 1) {
    world.stabilize(among);
    const dueMs = (id: number): number => world.core(id).nextDeadlineMs;
    const next = world
      .liveIds()
      .filter((id) => among.includes(id))
      .sort((a, b) => dueMs(a) - dueMs(b))[0];
    if (next === undefined || dueMs(next) > end) {
      world.now = Math.max(world.now, end);
      return;
    }
    world.reachDeadline(next);
  }
  throw new CommandError('Too many deadlines.');
}
