import { CommandError } from './arguments.ts';
import type { Commands } from './commands.ts';
import { nodeInWords } from './state.ts';

/** Disks, checkpoints, and snapshots on their way from one disk to another. */
export const DISK_COMMANDS: Commands = {
  /** `disk 2 slow`: from now on it writes only when told; `fast` writes what waits, and then at once. */
  disk: (world, args) => {
    const ids = args.nodes();
    const speed = args.word('fast or slow');
    args.end();
    if (speed !== 'fast' && speed !== 'slow') throw new CommandError(`A disk is fast or slow, not "${speed}".`);
    for (const id of ids) world.setDisk(id, speed === 'slow');
  },

  /** `persist 2 [count=1] [late]`: the oldest waiting writes reach the disk; late ones are told only by `complete`. */
  persist: (world, args) => {
    const id = args.node();
    const count = args.number('count');
    const isLate = args.flag('late');
    args.end();
    const { writes } = world.pendingOf(id);
    if (writes < (count ?? 1)) throw new CommandError(`Node ${id} has ${writes} writes that wait.`);
    world.persist(id, count, isLate);
  },

  /** `complete 2 [count=1]`: the core is told of late writes, oldest first. */
  complete: (world, args) => {
    const id = args.node();
    const count = args.number('count');
    args.end();
    const { completions } = world.pendingOf(id);
    if (completions < (count ?? 1)) throw new CommandError(`Node ${id} has ${completions} writes that it was not told of.`);
    world.complete(id, count);
  },

  /** `compact 1 to=5`: a checkpoint covers its log up to there. */
  compact: (world, args) => {
    const ids = args.nodes();
    const to = args.number('to');
    args.end();
    if (to === undefined) throw new CommandError('"compact" needs to=, an index.');
    for (const id of ids) world.compact(id, to);
  },

  /** `snapshot 1 to=3 [chunks=2]`: begin to stream; with `again`, its last chunk once more. */
  snapshot: (world, args) => {
    const id = args.node();
    const to = args.number('to');
    const chunks = args.number('chunks') ?? 1;
    const isAgain = args.flag('again');
    args.end();
    if (to === undefined || chunks < 1) throw new CommandError('"snapshot" needs to=, a node, and at least one chunk.');
    if (isAgain) world.snapshots.resend(id, to);
    else world.snapshots.begin(id, to, chunks);
  },

  /** `install 3`: the snapshot that it staged takes the place of its log and state. */
  install: (world, args) => {
    const id = args.node();
    args.end();
    world.core(id);
    world.snapshots.install(id);
  },

  /** `lose-disk 3`: its file is gone; it comes back with an empty one, which has another id. */
  'lose-disk': (world, args) => {
    const id = args.node();
    args.end();
    world.loseDisk(id);
    world.restart(id);
    world.say(nodeInWords(id, world.core(id).view));
  },
};
