import { asNodeId } from '../../../src/base/ids.ts';
import type { Progress } from '../../../src/raft/progress.ts';
import { CommandError } from './arguments.ts';
import type { Commands } from './commands.ts';
import { formatMessage } from './format.ts';
import { checkState, NODE_QUESTIONS, nodeInWords, PROGRESS_QUESTIONS, progressInWords } from './state.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

function progressOf(world: TranscriptCluster, leader: number, peer: number): Progress {
  const progress = world.core(leader).view.progress.get(asNodeId(peer));
  if (progress === undefined) throw new CommandError(`Node ${leader} keeps no progress of ${peer}.`);
  return progress;
}

/** What is so. An expectation is no output: no rewriting makes it true. */
export const STATE_COMMANDS: Commands = {
  /** `expect 1,2 role=follower commit=3`, or `expect 1 of=2 state=probe next=4`. */
  expect: (world, args) => {
    const ids = args.nodes();
    const peer = args.number('of');
    const expected = args.rest();
    args.end();
    for (const id of ids) {
      if (peer === undefined) checkState(`Node ${id}`, world.core(id).view, NODE_QUESTIONS, expected);
      else checkState(`Node ${id} of ${peer}`, progressOf(world, id, peer), PROGRESS_QUESTIONS, expected);
    }
  },

  /** `show 1,2`, or `show 1 of=2`. */
  show: (world, args) => {
    const ids = args.nodes();
    const peer = args.number('of');
    args.end();
    for (const id of ids) {
      world.say(peer === undefined ? nodeInWords(id, world.core(id).view) : progressInWords(id, peer, progressOf(world, id, peer)));
    }
  },

  /** What is on its way, and what is held. */
  flight: (world, args) => {
    args.end();
    for (const message of world.links.inFlight) world.say(formatMessage(message, false));
    for (const message of world.links.held) world.say(`held: ${formatMessage(message, false)}`);
    if (world.links.inFlight.length + world.links.held.length === 0) world.say('nothing is on its way');
  },
};
