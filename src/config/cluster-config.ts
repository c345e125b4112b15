import { z } from 'zod';
import { isPromise } from '../base/missing-await.ts';
import type { EncryptionOptions } from '../encryption/read-keys.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { ClusterLimits } from './limits.ts';
import type { NumberSetting } from './setting-table.ts';
import { LIMIT_SETTINGS, RAFT_SETTINGS } from './setting-table.ts';

/** Maximum number of nodes of an embedded cluster. */
export const NODES_MAX = 51;
export const STORAGES = ['sqlite', 'memory'] as const;
export const DURABILITIES = ['full', 'off'] as const;
export const LOG_LEVELS = ['info', 'debug'] as const;

/** The configuration of a cluster; a valid argument of `startCluster`. */
export interface ClusterConfig {
  /** The number of nodes (ids 1 to n), or their ids. */
  readonly nodes: number | readonly number[];
  /** One folder for all nodes, relative to the working directory. */
  readonly dataDir: string;
  readonly storage: (typeof STORAGES)[number];
  /** `full`: a reply means fsync on a majority. `off`: no fsync; a power cut may lose answered jobs. */
  readonly durability: (typeof DURABILITIES)[number];
  readonly raft: RaftConfig;
  readonly limits: ClusterLimits;
  readonly logs?: { readonly dir: string; readonly level: (typeof LOG_LEVELS)[number] };
  /** Encryption at rest: a file of keys. */
  readonly encryption?: EncryptionOptions;
  /** Seed of the randomised timeouts; without it every start draws a new one. */
  readonly seed?: number;
}

/** Settings from the command line or a program that override the file. */
export interface ClusterConfigOverrides {
  readonly nodes?: number | readonly number[];
  readonly dataDir?: string;
  readonly storage?: string;
  readonly durability?: string;
  readonly raft?: Partial<RaftConfig>;
  readonly limits?: Partial<ClusterLimits>;
  readonly logs?: { readonly dir?: string; readonly level?: string };
  readonly seed?: number;
}

const NODES_REMEDY = `Give a whole number from 1 to ${NODES_MAX}, or a list of 1 to ${NODES_MAX} different whole numbers from 1 on.`;

/** One test for both forms: the error of a union would be about the form that was not meant. */
const nodesSchema = z.custom<number | readonly number[]>(isNodes, { error: NODES_REMEDY });

function isNodes(value: unknown): boolean {
  if (!Array.isArray(value)) return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= NODES_MAX;
  const areIds = value.every((id) => Number.isSafeInteger(id) && id >= 1);
  return areIds && value.length >= 1 && value.length <= NODES_MAX && new Set(value).size === value.length;
}

export const numberSchema = ({ min, max, unit, default: fallback }: NumberSetting) => {
  const error = `Give a whole number of ${unit} from ${min} to ${max}; the default is ${fallback}.`;
  return z.int({ error }).min(min, { error }).max(max, { error }).default(fallback);
};

export const oneOf = <const Names extends readonly string[]>(names: Names) => z.enum(names, { error: `Give one of: ${names.join(', ')}.` });
/** Strings that no file system accepts are no paths: with a zero, or half of a surrogate pair. */
const folder = z.custom<string>((value) => typeof value === 'string' && value !== '' && !value.includes('\0') && value.isWellFormed(), {
  error: 'Give the path of a folder.',
});

/** The message of an unknown name is the list of known names; `schemaProblems` builds the sentence. */
export function groupOf<Shape extends z.core.$ZodLooseShape>(shape: Shape, remedy = 'Give a group of settings, each with its name.') {
  const names = Object.keys(shape).join(', ');
  const group = z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? names : remedy) });
  // A promise is an object without names, and would pass if all of them have a default.
  return z.custom<z.input<typeof group>>((value) => !isPromise(value), { error: remedy }).pipe(group);
}

function numbersSchema<Key extends string>(settings: Readonly<Record<Key, NumberSetting>>) {
  const shape: Partial<Record<Key, ReturnType<typeof numberSchema>>> = {};
  for (const key of Object.keys(settings) as Key[]) shape[key] = numberSchema(settings[key]);
  // The only cast: the loop covers every key of a complete record.
  return groupOf(shape as Record<Key, ReturnType<typeof numberSchema>>).prefault({} as never);
}

const ENCRYPTION_REMEDY =
  'Give either the path of a file of keys, { keys: ./jobraft.keys }, or the contents of one, { key }. "jobraft keys new" makes such a file.';
const KEYS = z.string({ error: ENCRYPTION_REMEDY }).min(1, { error: ENCRYPTION_REMEDY });
/** The keys are read where the file is opened. */
const encryption = groupOf({ keys: KEYS.optional(), key: KEYS.optional() }, ENCRYPTION_REMEDY).refine(
  ({ keys, key }) => (keys === undefined) !== (key === undefined),
  { error: ENCRYPTION_REMEDY },
);

/** Every setting of a file, with its default if that is the same for a program's own options. */
export const CLUSTER_SHAPE = {
  nodes: nodesSchema,
  dataDir: folder,
  storage: oneOf(STORAGES).default('sqlite'),
  durability: oneOf(DURABILITIES).default('full'),
  raft: numbersSchema(RAFT_SETTINGS),
  limits: numbersSchema(LIMIT_SETTINGS),
  logs: groupOf({ dir: folder, level: oneOf(LOG_LEVELS).default('info') }).optional(),
  encryption: encryption.optional(),
  seed: z.int({ error: 'Give a whole number, or leave the key out.' }).optional(),
};

export const clusterSchema = groupOf({ ...CLUSTER_SHAPE, nodes: nodesSchema.default(3), dataDir: folder.default('data') });
