import { ForgottenEntriesError } from '../base/invariant.ts';
import type { NodeSignal } from './node-boot.ts';

/** The signal for the error that ends a node's thread. @param file the node's, if it has one. */
export function failureOf(error: unknown, file: string | undefined): NodeSignal {
  if (error instanceof ForgottenEntriesError && file !== undefined) return olderFileSignal(error, file);
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'NODE_FAILED';
  return { type: 'failed', name, code, message, stack };
}

/** Not named StorageError: only the operator knows which of the files is the latest, so no file is moved aside automatically. */
function olderFileSignal({ follower, acknowledged, last, stack }: ForgottenEntriesError, file: string): NodeSignal {
  const message =
    `${file} is older than what was acknowledged: its log ends at ${last}, and node ${follower} has entries up to ${acknowledged} that this node sent it. ` +
    'It was restored from an older copy, or its disk lost writes. Close the cluster, put the latest file back, and start it again; if there is none, ' +
    'and the other nodes have everything, call cluster.repair(node).';
  return { type: 'failed', name: 'NodeFailedError', code: 'STORAGE_ROLLED_BACK', message, stack };
}
