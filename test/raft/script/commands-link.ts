import type { RaftMessage } from '../../../src/raft/message.ts';
import type { Arguments } from './arguments.ts';
import { CommandError, numberFrom } from './arguments.ts';
import type { Commands } from './command.ts';
import { MESSAGE_KINDS } from './format.ts';
import type { MessageChoice } from './links.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

/** `from=1 to=2,3 kind=append count=1`, each optional. */
function choiceIn(args: Arguments): MessageChoice {
  const choice = {
    from: args.numbers('from'),
    to: args.numbers('to'),
    kind: args.oneOf('kind', MESSAGE_KINDS),
    count: args.number('count'),
  };
  args.end();
  return choice;
}

/** A transcript that names messages that do not exist has taken another course than its author expected. */
function checkSome(messages: readonly RaftMessage[], choice: MessageChoice): void {
  if (messages.length === 0) throw new CommandError('No such message is in flight.');
  if (choice.count !== undefined && messages.length < choice.count)
    throw new CommandError(`Only ${messages.length} such messages are in flight.`);
}

function links(args: Arguments, cluster: TranscriptCluster): [number, number][] {
  return args.words().map((link) => {
    const [from, to, more] = link.split('>');
    if (from === undefined || to === undefined || more !== undefined) throw new CommandError(`A link is written 1>2, not "${link}".`);
    const ends: [number, number] = [numberFrom(from, 'a node'), numberFrom(to, 'a node')];
    for (const end of ends) cluster.disk(end);
    return ends;
  });
}

/** Messages and links. */
export const LINK_COMMANDS: Commands = {
  /** Delivers the messages in flight, without those sent in response. */
  deliver: (cluster, args) => {
    const choice = choiceIn(args);
    const messages = cluster.links.take(choice);
    checkSome(messages, choice);
    for (const message of messages) cluster.arrive(message, true);
  },

  drop: (cluster, args) => {
    const choice = choiceIn(args);
    checkSome(cluster.links.take(choice), choice);
  },

  /** They will arrive twice, the second time after everything in flight. */
  duplicate: (cluster, args) => {
    const choice = choiceIn(args);
    checkSome(cluster.links.duplicate(choice), choice);
  },

  /** They are late: nothing delivers them until `release`. */
  hold: (cluster, args) => {
    const choice = choiceIn(args);
    checkSome(cluster.links.hold(choice), choice);
  },

  release: (cluster, args) => {
    const choice = choiceIn(args);
    checkSome(cluster.links.release(choice), choice);
  },

  /** `cut 1>2 2>1`: messages sent there from now on are lost. */
  cut: (cluster, args) => {
    const cut = links(args, cluster);
    args.end();
    if (cut.length === 0) throw new CommandError('"cut" needs a link, as in 1>2.');
    for (const [from, to] of cut) cluster.links.cut(from, to);
  },

  /** `isolate 1,2`: these nodes and the others do not reach each other; among themselves they do. */
  isolate: (cluster, args) => {
    const inside = args.nodes();
    args.end();
    for (const one of inside) {
      cluster.disk(one);
      for (const other of cluster.ids.filter((id) => !inside.includes(id))) {
        cluster.links.cut(one, other);
        cluster.links.cut(other, one);
      }
    }
  },

  heal: (cluster, args) => {
    args.end();
    cluster.links.heal();
  },

  /** `stabilize [among=1,2]`: everything arrives, is written and installed, until nothing moves. The clock does not move. */
  stabilize: (cluster, args) => {
    const among = args.numbers('among') ?? cluster.ids;
    args.end();
    cluster.stabilize(among);
  },
};
