import { checkOptions, durationIn, integerIn, type OptionRule, type OptionRules } from './option-check.ts';

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

/** Settings of a {@link Client}; each has a default. */
export interface ClientOptions {
  /** How long a call is retried before it is rejected; 10,000 ms. */
  readonly deadlineMs?: number;
  /** How long a node may stay silent about a request before another one is asked; 250 ms. */
  readonly silenceMs?: number;
  /** Most requests that await their answer at the same time; 16. */
  readonly outstandingBatchesMax?: number;
  /** Most operations in one request; 4096. */
  readonly batchOperationsMax?: number;
  /** Most bytes in one request, unless a single operation is larger; 256 KiB. */
  readonly batchBytesMax?: number;
  /** Most unanswered operations; calls beyond it are rejected with an OverloadedError; 500,000. */
  readonly queuedOperationsMax?: number;
  /** Likewise in bytes of requests; 256 MiB. */
  readonly queuedBytesMax?: number;
  /** Largest content of a job (name and data) or result; must not exceed the cluster's; 4 MiB. */
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

const RULES: OptionRules & Readonly<Record<keyof ClientOptions, OptionRule>> = {
  deadlineMs: durationIn(1, 3_600_000),
  silenceMs: durationIn(10, 60_000),
  outstandingBatchesMax: integerIn(1, 256),
  batchOperationsMax: integerIn(1, 65_536),
  batchBytesMax: integerIn(1_024, 64 * MEBIBYTE),
  queuedOperationsMax: integerIn(1, 10_000_000),
  queuedBytesMax: integerIn(1_024, 4_096 * MEBIBYTE),
  payloadBytesMax: integerIn(1, 512 * MEBIBYTE),
};

/** @throws {UnknownOptionError | InvalidOptionError} */
export function clientConfig(options: ClientOptions = {}): ClientConfig {
  checkOptions(options, RULES);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...DEFAULTS, ...Object.fromEntries(given) });
}
