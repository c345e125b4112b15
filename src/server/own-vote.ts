import { isVotersDisk } from '../raft/membership.ts';
import type { RunningNode } from './running-node.ts';

type View = Pick<RunningNode['runtime']['view'], 'configuration' | 'disk' | 'id' | 'isRemoved' | 'leader'>;

/** Whether a leader counts this node, with its disk, and no majority of the voters before a change is needed beside it (Raft §6). */
export const isCounted = (view: View): boolean =>
  view.leader !== undefined && !view.isRemoved && hasVote(view) && view.configuration.outgoing.length === 0;

const hasVote = ({ configuration, id, disk }: View): boolean => configuration.voters.includes(id) && isVotersDisk(configuration, id, disk);

/**
 * The vote of a node that starts without one: its file is new, since its folder was lost or the file moved aside, so that it has another disk than
 * the voter. It votes once the leader has replaced the disk in the configuration, which needs the node to have everything.
 */
export class AwaitedVote {
  #isAwaited: boolean;

  constructor(view: View) {
    this.#isAwaited = !hasVote(view);
  }

  /** @returns true once: when the node votes. */
  isGained(view: View): boolean {
    if (!this.#isAwaited || !isCounted(view)) return false;
    this.#isAwaited = false;
    return true;
  }
}
