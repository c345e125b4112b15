import type { z } from 'zod';
import { OPERATIONS_MAX } from '../protocol/limits.ts';
import type { ClusterEndpoint } from './endpoint.ts';
import { aValue, checkOptions, durationIn, integerIn, optionsOf } from './option-check.ts';

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

/** Settings of a {@link Client}; each has a default. */
export interface ClientOptions {
  /** How long a call is retried before it is rejected; 10,000 ms. */
  readonly deadlineMs?: number;
  /** How long a node may leave a request unanswered before another one is asked; 250 ms. */
  readonly silenceMs?: number;
  /** Maximum number of unanswered requests; 16. */
  readonly outstandingBatchesMax?: number;
  /** Maximum number of operations in one request; 4096. */
  readonly batchOperationsMax?: number;
  /** Maximum bytes of one request, unless a single operation is larger; 256 KiB. */
  readonly batchBytesMax?: number;
  /** Maximum number of unanswered operations; calls beyond it are rejected with an OverloadedError; 500,000. */
  readonly queuedOperationsMax?: number;
  /** The same in bytes of requests; 256 MiB. */
  readonly queuedBytesMax?: number;
  /** Largest payload of a job (name and data) or result; must not exceed the cluster's; 4 MiB. */
  readonly payloadBytesMax?: number;
}
export type ClientConfig = Readonly<Required<ClientOptions>>;

const DEFAULTS: ClientConfig = Object.freeze({
  deadlineMs: 10_000,
  silenceMs: 250,
  outstandingBatchesMax: 16,
  batchOperationsMax: 4_096,
  batchBytesMax: 256 * KIBIBYTE,
  queuedOperationsMax: 500_000,
  queuedBytesMax: 256 * MEBIBYTE,
  payloadBytesMax: 4 * MEBIBYTE,
});

const SCHEMA = optionsOf({
  deadlineMs: durationIn(1, 3_600_000).optional(),
  silenceMs: durationIn(10, 60_000).optional(),
  outstandingBatchesMax: integerIn(1, 256).optional(),
  batchOperationsMax: integerIn(1, OPERATIONS_MAX).optional(),
  batchBytesMax: integerIn(1_024, 64 * MEBIBYTE).optional(),
  queuedOperationsMax: integerIn(1, 10_000_000).optional(),
  queuedBytesMax: integerIn(1_024, 4_096 * MEBIBYTE).optional(),
  payloadBytesMax: integerIn(1, 512 * MEBIBYTE).optional(),
} satisfies Record<keyof ClientOptions, z.ZodType>);

/** @throws {UnknownOptionError | InvalidOptionError} */
export function clientConfig(options: ClientOptions = {}): ClientConfig {
  checkOptions(SCHEMA, options);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...DEFAULTS, ...Object.fromEntries(given) });
}

const ENDPOINT = aValue(isEndpoint, 'Give what openCluster() or startCluster() returned: new Client(cluster).');

/** @throws {InvalidOptionError} */
export function checkEndpoint(endpoint: unknown): void {
  checkOptions(ENDPOINT, endpoint, ['endpoint']);
}

export function isEndpoint(value: unknown): value is ClusterEndpoint {
  if (typeof value !== 'object' || value === null || !('openChannel' in value && 'nodeIds' in value)) return false;
  return typeof value.openChannel === 'function' && typeof value.nodeIds === 'function';
}
