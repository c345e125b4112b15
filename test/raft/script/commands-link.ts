import type { RaftMessage } from '../../../src/raft/message.ts';
import type { Arguments } from './arguments.ts';
import { CommandError, numberFrom } from './arguments.ts';
import type { Commands } from './commands.ts';
import { MESSAGE_KINDS } from './format.ts';
import type { MessageChoice } from './links.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

/** `from=1 to=2,3 kind=append count=1`, each of which may be left out. */
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

/** A story that speaks of messages that are not there has gone another way than its author thought. */
function checkSome(messages: readonly RaftMessage[], choice: MessageChoice): void {
  if (messages.length === 0) throw new CommandError('No such message is on its way.');
  if (choice.count !== undefined && messages.length < choice.count)
    throw new CommandError(`Only ${messages.length} such messages are on their way.`);
}

function links(args: Arguments, world: TranscriptCluster): [number, number][] {
  return args.words().map((link) => {
    const [from, to, more] = link.split('>');
    if (from === undefined || to === undefined || more !== undefined) throw new CommandError(`A link is written 1>2, not "${link}".`);
    const ends: [number, number] = [numberFrom(from, 'a node'), numberFrom(to, 'a node')];
    for (const end of ends) world.disk(end);
    return ends;
  });
}

/** Messages and links. */
export const WIRE_COMMANDS: Commands = {
  /** What is on its way now arrives; not what is sent because of it. */
  deliver: (world, args) => {
    const choice = choiceIn(args);
    const messages = world.links.take(choice);
    checkSome(messages, choice);
    for (const message of messages) world.arrive(message, true);
  },

  drop: (world, args) => {
    const choice = choiceIn(args);
    checkSome(world.links.take(choice), choice);
  },

  /** They will arrive twice, the second time behind all that is on its way. */
  duplicate: (world, args) => {
    const choice = choiceIn(args);
    checkSome(world.links.duplicate(choice), choice);
  },

  /** They are late: nothing delivers them until `release`. */
  hold: (world, args) => {
    const choice = choiceIn(args);
    checkSome(world.links.hold(choice), choice);
  },

  release: (world, args) => {
    const choice = choiceIn(args);
    checkSome(world.links.release(choice), choice);
  },

  /** `cut 1>2 2>1`: what is sent there from now on is lost. */
  cut: (world, args) => {
    const cut = links(args, world);
    args.end();
    if (cut.length === 0) throw new CommandError('"cut" needs a link, as in 1>2.');
    for (const [from, to] of cut) world.links.cut(from, to);
  },

  /** `isolate 1,2`: these nodes and the others do not reach each other; among themselves they do. */
  isolate: (world, args) => {
    const inside = args.nodes();
    args.end();
    for (const one of inside) {
      world.disk(one);
      for (const other of world.ids.filter((id) => !inside.includes(id))) {
        world.links.cut(one, other);
        world.links.cut(other, one);
      }
    }
  },

  heal: (world, args) => {
    args.end();
    world.links.heal();
  },

  /** `stabilize [among=1,2]`: everything arrives, is written and installed, until nothing moves. The clock does not move. */
  stabilize: (world, args) => {
    const among = args.numbers('among') ?? world.ids;
    args.end();
    world.stabilize(among);
  },
};
