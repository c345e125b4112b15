import type { ClientOptions } from '../../../src/index.ts';
import type { NodeLimits } from '../../../src/node/limits.ts';

/** How a node's disk is written. */
export type StorageKind = 'as it is' | 'one entry a commit' | 'whole log' | 'no fsync';

export interface Variant {
  readonly name: VariantName;
  readonly storage: StorageKind;
  /** In place of the session's. */
  readonly limits: Partial<NodeLimits>;
  readonly client: ClientOptions;
}

export const VARIANT_NAMES = [
  'jobraft as it is',
  'group commit off',
  'one command an entry',
  'neither of the two',
  'whole log rewritten',
  'durability off',
] as const;
export type VariantName = (typeof VARIANT_NAMES)[number];

/** Any request is larger, and then is alone in its entry; it has one command, where a request has one operation. */
const ONE_REQUEST: Pick<Variant, 'limits' | 'client'> = { limits: { entryBytesMax: 1 }, client: { batchOperationsMax: 1 } };
/** The original never shortens its log. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** Jobraft, and jobraft without one of the properties that make it fast. */
export const VARIANTS: readonly Variant[] = [
  { name: 'jobraft as it is', storage: 'as it is', limits: {}, client: {} },
  { name: 'group commit off', storage: 'one entry a commit', limits: {}, client: {} },
  { name: 'one command an entry', storage: 'as it is', ...ONE_REQUEST },
  { name: 'neither of the two', storage: 'one entry a commit', ...ONE_REQUEST },
  {
    name: 'whole log rewritten',
    storage: 'whole log',
    limits: { checkpointEntries: NEVER, checkpointBytes: NEVER, checkpointRecords: NEVER },
    client: {},
  },
  { name: 'durability off', storage: 'no fsync', limits: {}, client: {} },
];

/** Those whose adds are timed from the first one on. */
export const GROWING: readonly VariantName[] = ['jobraft as it is', 'whole log rewritten'];
