import { JobraftError } from '../base/errors.ts';

/** A node that is to join a running cluster found none. */
export class ClusterUnreachableError extends JobraftError {
  override readonly code = 'ENDPOINTS_UNREACHABLE';

  constructor(addresses: readonly string[], reason: string, withinMs: number) {
    super(
      `No node of a running cluster replied at ${addresses.join(', ')} within ${withinMs} ms (${reason}). Start the cluster, or correct "nodes".`,
    );
  }
}

/** The node is no member of its cluster any more: it can do nothing for it. */
export class NodeRemovedError extends JobraftError {
  override readonly code = 'NODE_REMOVED';

  constructor(node: number, dataDir: string) {
    super(
      `Node ${node} was removed from the cluster, and its folder ${dataDir} is not used any more. Remove the folder, or add the node again by starting it with --join.`,
    );
  }
}

/** A call with a `request_id` got no reply in time. */
export class NoReplyError extends JobraftError {
  override readonly code = 'DEADLINE';
  override readonly outcome = 'unknown';

  constructor() {
    super('No reply before the deadline; the call may have taken effect. Repeat it with the same request_id: it takes effect once.');
  }
}
