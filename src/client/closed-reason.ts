import type { JobraftError, Outcome } from '../base/errors.ts';
import { ClientClosedError, ClusterClosedError } from './errors.ts';

/** The error with which calls are rejected after the close. */
export type ClosedReason = (outcome: Outcome) => JobraftError;
export const CLIENT_CLOSED: ClosedReason = (outcome) => new ClientClosedError(outcome);
export const CLUSTER_CLOSED: ClosedReason = (outcome) => new ClusterClosedError(outcome);
