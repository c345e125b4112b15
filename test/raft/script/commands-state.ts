import { asNodeId } from '../../../src/base/ids.ts';
import type { Progress } from '../../../src/raft/progress.ts';
import { CommandError } from './arguments.ts';
import type { Commands } from './command.ts';
import { formatMessage } from './format.ts';
import { checkState, NODE_QUESTIONS, nodeInWords, PROGRESS_QUESTIONS, progressInWords } from './state.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

function progressOf(cluster: TranscriptCluster, leader: number, peer: number): Progress {
  const progress = cluster.core(leader).view.leading?.progress.get(asNodeId(peer));
  if (progress === undefined) throw new CommandError(`Node ${leader} keeps no progress of ${peer}.`);
  return progress;
}

/** Commands about state. An expectation is not output: rewriting the transcript does not make it true. */
export const STATE_COMMANDS: Commands = {
  /** `expect 1,2 role=follower commit=3`, or `expect 1 of=2 state=probe next=4`. */
  expect: (cluster, args) => {
    const ids = args.nodes();
    const peer = args.number('of');
    const expected = args.rest();
    args.end();
    for (const id of ids) {
      if (peer === undefined) checkState(`Node ${id}`, cluster.core(id).view, NODE_QUESTIONS, expected);
      else checkState(`Node ${id} of ${peer}`, progressOf(cluster, id, peer), PROGRESS_QUESTIONS, expected);
    }
  },

  /** `show 1,2`, or `show 1 of=2`. */
  show: (cluster, args) => {
    const ids = args.nodes();
    const peer = args.number('of');
    args.end();
    for (const id of ids) {
      cluster.say(peer === undefined ? nodeInWords(id, cluster.core(id).view) : progressInWords(id, peer, progressOf(cluster, id, peer)));
    }
  },

  /** The messages in flight, and those held. */
  flight: (cluster, args) => {
    args.end();
    for (const message of cluster.links.inFlight) cluster.say(formatMessage(message, false));
    for (const message of cluster.links.held) cluster.say(`held: ${formatMessage(message, false)}`);
    if (cluster.links.inFlight.length + cluster.links.held.length === 0) cluster.say('nothing is in flight');
  },
};
