import { describeValue } from '../../base/describe-value.ts';
import type { Demand } from '../../protocol/demands.ts';
import type { QueueOfJob } from '../../queue/queue-of-job.ts';
import type { Grant } from '../../security/access-tokens.ts';
import { roleFor } from '../../security/roles.ts';

/** Why something is not permitted; or not yet: the node does not know the job's queue. */
export interface Denial {
  readonly isTemporary: boolean;
  readonly message: string;
}

/** @param queueOf by the state of this node. @returns undefined if the token permits it. */
export function denialOf(
  { name, roles, permissions, queues }: Grant,
  { what, permission, reach }: Demand,
  queueOf: (jobId: number) => QueueOfJob,
): Denial | undefined {
  if (!permissions.has(permission))
    return denied(
      `The token "${name}" has the role ${roles.join(', ')}, which does not permit ${what}. Use a token with the role ${roleFor(permission)}.`,
    );
  if (queues === undefined || reach.type === 'own') return undefined;
  if (reach.type === 'all')
    return denied(`The token "${name}" permits some queues only, and ${what} reaches all. Use a token without queues.`);
  if (reach.type === 'queues') {
    const other = reach.queues.find((queue) => !queues.has(queue));
    return other === undefined ? undefined : notPermitted(name, other);
  }
  const of = reach.type === 'queue' ? ({ type: 'known', queue: reach.queue } as const) : queueOf(reach.jobId);
  if (of.type === 'not-applied')
    return { isTemporary: true, message: 'This node does not know the job yet. Repeat the call in a moment, or ask the leader.' };
  // A job that is gone has no queue, and nothing happens to it.
  if (of.type === 'gone' || queues.has(of.queue)) return undefined;
  return notPermitted(name, of.queue);
}

const notPermitted = (name: string, queue: string): Denial =>
  denied(`The token "${name}" does not permit the queue ${describeValue(queue)}. Use one that does.`);

const denied = (message: string): Denial => ({ isTemporary: false, message });
