import { describeValue } from './describe-value.ts';
import { awaitRemedy } from './missing-await.ts';

/** Whether a failed call may have taken effect: `not-applied` is always safe to repeat, `unknown` only with the same sequence. */
export type Outcome = 'not-applied' | 'unknown';

/**
 * Every error that jobraft reports to its user. `code` is stable across versions, and the message names the remedy.
 */
export abstract class JobraftError extends Error {
  abstract readonly code: string;
  readonly outcome: Outcome = 'not-applied';

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The other side of a channel rejected its opening: it is of another cluster, another node, or another release. */
export class HandshakeError extends JobraftError {
  override readonly code = 'HANDSHAKE_REJECTED';
}

/** A setting or an argument of a cluster is invalid or missing. */
export class ConfigError extends JobraftError {
  override readonly code = 'CONFIG_INVALID';
  readonly key: string;
  readonly value: unknown;

  constructor(key: string, value: unknown, remedy: string) {
    super(
      `Setting "${key}" ${value === undefined ? 'is missing' : `has the value ${describeValue(value)}`}. ${awaitRemedy(value)}${remedy}`,
    );
    this.key = key;
    this.value = value;
  }
}
