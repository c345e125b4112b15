import type { OpenMachine } from '../node/state-machine.ts';
import { JobQueue } from './job-queue.ts';
import type { QueueLimits } from './limits.ts';
import { ClaimDelivery } from './requests/claim-delivery.ts';
import type { PatternTimes } from './requests/pattern-times.ts';
import { QueuePolicy, type QueuePolicyLimits } from './requests/queue-policy.ts';
import type { StateBounds } from './state-bounds.ts';

export interface JobQueueSetup {
  readonly limits: QueuePolicyLimits & QueueLimits;
  readonly patternTimes: PatternTimes;
  /** The newest state-machine version that it applies; that of an earlier release, in tests. Default: the newest there is. */
  readonly versionMax?: number | undefined;
  /** Smaller bounds of the state, for tests; must be the same for all members. Default: those of production. */
  readonly bounds?: Partial<StateBounds> | undefined;
  /**
   * Whether a client whose channel has ended may come back by another one, as over a network: it keeps what it claimed until its leases end, or
   * its process is known to have ended. Default: it is gone, and what it claimed by replies that it did not acknowledge is released.
   */
  readonly doClientsReturn?: boolean;
}

/** The job queue as the state machine of a node. */
export function openJobQueue({ limits, patternTimes, versionMax, bounds, doClientsReturn = false }: JobQueueSetup): OpenMachine<JobQueue> {
  return (host) => {
    const delivery = doClientsReturn ? undefined : new ClaimDelivery();
    const machine = new JobQueue({
      readRecord: (kind, key) => host.readRecord(kind, key),
      payloadInEntryBytes: limits.payloadInEntryBytes,
      versionMax,
      bounds,
      onSessionEnded: (client) => delivery?.onSessionEnded(client),
      onQueueFilled: (queue) => host.onAvailable(queue),
      onEvents: (queue) => host.onReadable(queue),
    });
    return { machine, policy: new QueuePolicy(machine, limits, patternTimes, delivery) };
  };
}
