import { JobraftError, type Outcome } from '../base/errors.ts';

/** The nodes reject this client's certificate or token, that it has none, or what it may not do. */
export class AccessDeniedError extends JobraftError {
  override readonly code = 'ACCESS_DENIED';
  override readonly outcome: Outcome;

  constructor(message: string, outcome: Outcome = 'not-applied') {
    super(message);
    this.outcome = outcome;
  }
}

/** All nodes that reply belong to another cluster than the one that this program connected to, which was given up. */
export class ClusterReplacedError extends JobraftError {
  override readonly code = 'CLUSTER_REPLACED';
  override readonly outcome: Outcome;

  constructor(message: string, outcome: Outcome = 'not-applied') {
    super(message);
    this.outcome = outcome;
  }
}
