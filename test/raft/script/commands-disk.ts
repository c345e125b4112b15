import { CommandError } from './arguments.ts';
import type { Commands } from './command.ts';
import { nodeInWords } from './state.ts';

/** Disks, checkpoints, and snapshots sent from one disk to another. */
export const DISK_COMMANDS: Commands = {
  /** `disk 2 slow`: from now on it writes only on `persist`; `fast` writes what waits, and then at once. */
  disk: (cluster, args) => {
    const ids = args.nodes();
    const speed = args.word('fast or slow');
    args.end();
    if (speed !== 'fast' && speed !== 'slow') throw new CommandError(`A disk is fast or slow, not "${speed}".`);
    for (const id of ids) cluster.setDisk(id, speed === 'slow');
  },

  /** `persist 2 [count=1] [late]`: the oldest waiting writes reach the disk; late ones are reported only by `complete`. */
  persist: (cluster, args) => {
    const id = args.node();
    const count = args.number('count');
    const isLate = args.flag('late');
    args.end();
    const { writes } = cluster.pendingOf(id);
    if (writes < (count ?? 1)) throw new CommandError(`Node ${id} has ${writes} writes that wait.`);
    cluster.persist(id, count, isLate);
  },

  /** `complete 2 [count=1]`: late writes are reported to the core, oldest first. */
  complete: (cluster, args) => {
    const id = args.node();
    const count = args.number('count');
    args.end();
    const { completions } = cluster.pendingOf(id);
    if (completions < (count ?? 1)) throw new CommandError(`Node ${id} has ${completions} unreported writes.`);
    cluster.complete(id, count);
  },

  /** `compact 1 to=5`: a checkpoint covers its log up to there. */
  compact: (cluster, args) => {
    const ids = args.nodes();
    const to = args.number('to');
    args.end();
    if (to === undefined) throw new CommandError('"compact" needs to=, an index.');
    for (const id of ids) cluster.compact(id, to);
  },

  /** `snapshot 1 to=3 [chunks=2]`: begins to stream; with `again`, sends its last chunk again. */
  snapshot: (cluster, args) => {
    const id = args.node();
    const to = args.number('to');
    const chunks = args.number('chunks') ?? 1;
    const isAgain = args.flag('again');
    args.end();
    if (to === undefined || chunks < 1) throw new CommandError('"snapshot" needs to=, a node, and at least one chunk.');
    if (isAgain) cluster.snapshots.resend(id, to);
    else cluster.snapshots.begin(id, to, chunks);
  },

  /** `install 3`: the staged snapshot replaces its log and state. */
  install: (cluster, args) => {
    const id = args.node();
    args.end();
    cluster.core(id);
    cluster.snapshots.install(id);
  },

  /** `lose-disk 3`: its file is gone; it comes back with an empty one, which has another id. */
  'lose-disk': (cluster, args) => {
    const id = args.node();
    args.end();
    cluster.loseDisk(id);
    cluster.restart(id);
    cluster.say(nodeInWords(id, cluster.core(id).view));
  },
};
