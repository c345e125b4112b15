import { isolatedListener } from '../client/worker/listeners.ts';

/** Nodes without which a new cluster cannot be formed, and why one of them does not count, if it replied. */
export interface FormationWait {
  readonly missing: readonly number[];
  readonly reason: string | undefined;
}

/** What a program learns of its node. None of the listeners may throw. */
export interface NodeListeners {
  /** The cluster is new, and is formed once these nodes run. Called when this changes. */
  readonly onWaiting?: (wait: FormationWait) => void;
  /** The node belongs to a cluster, and takes part in it. */
  readonly onFormed?: () => void;
  /** The node has stopped by itself, and is closed: a write failed, an invariant is broken, or the others have another cluster. */
  readonly onFailure?: (error: Error) => void;
}

export const nodeListeners = ({
  onWaiting = () => undefined,
  onFormed = () => undefined,
  onFailure = warnOfFailure,
}: NodeListeners): Required<NodeListeners> => ({
  onWaiting: isolatedListener('onWaiting', onWaiting),
  onFormed: isolatedListener('onFormed', onFormed),
  onFailure: isolatedListener('onFailure', onFailure),
});

function warnOfFailure(error: Error): void {
  process.emitWarning(error.message, { type: 'JobraftNodeFailure' });
}
