import { ConfigError } from '../base/errors.ts';
import { NODE_LIMIT_DEFAULTS, type NodeLimits } from '../node/limits.ts';
import { QUEUE_LIMIT_DEFAULTS, type QueueLimits } from '../queue/limits.ts';

/** The `limits` of a cluster: those of each node, and those of the queue. Sizes in bytes. */
export interface ClusterLimits extends NodeLimits, QueueLimits {}

export const LIMIT_DEFAULTS: ClusterLimits = Object.freeze({ ...NODE_LIMIT_DEFAULTS, ...QUEUE_LIMIT_DEFAULTS });

/** @throws {ConfigError} naming the key and the remedy. */
export function clusterLimits(overrides: Partial<ClusterLimits> = {}): ClusterLimits {
  const limits: ClusterLimits = Object.freeze({ ...LIMIT_DEFAULTS, ...overrides });
  for (const [key, value] of Object.entries(limits)) {
    if (!(key in LIMIT_DEFAULTS))
      throw new ConfigError(`limits.${key}`, value, `No such limit. Use one of ${Object.keys(LIMIT_DEFAULTS).join(', ')}.`);
    const least = key === 'tailEntries' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least)
      throw new ConfigError(`limits.${key}`, value, `Give a whole number of at least ${least}.`);
  }
  return limits;
}
