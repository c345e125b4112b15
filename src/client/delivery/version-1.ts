import type { Reply } from '../../protocol/reply.ts';
import type { RequestRejection } from './connection.ts';

const MESSAGE =
  'The cluster runs version 1 of its state machine, which this client cannot use. It moves on when every member runs a release that has a newer one: upgrade the others, then retry.';

/**
 * A leader that was elected before the cluster moved to a newer version executes an opening by version 1: the session that it opens is of no
 * use, and is opened again once the cluster has moved on.
 * @param reply to an opening. @returns the rejection that it amounts to; undefined if the session is open, or cannot be opened.
 */
export function openingOfVersion1({ client, sequence, results: [first] }: Reply): RequestRejection | undefined {
  if (first?.ok !== true || first.type !== 'done') return undefined;
  return { type: 'rejected', client, sequence, code: 'VERSION', outcome: 'not-applied', operations: [], message: MESSAGE };
}
