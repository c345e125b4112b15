import type { RaftConfig } from '../raft/config.ts';
import { RAFT_DEFAULTS } from '../raft/config.ts';
import type { ClusterLimits } from './limits.ts';
import { LIMIT_DEFAULTS } from './limits.ts';

/** One numeric setting. The schema, the command-line flags and their help are derived from it. */
export interface NumberSetting {
  readonly description: string;
  /** The unit of the number, for help texts and remedies. */
  readonly unit: 'milliseconds' | 'bytes' | 'messages' | 'entries' | 'records' | 'claims' | 'connections' | 'calls' | 'operations';
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

// `Record<keyof …>`: a timing or limit that is added to the core without a line here does not compile.
export const RAFT_SETTINGS: Readonly<Record<keyof RaftConfig, NumberSetting>> = withDefaults(RAFT_DEFAULTS, {
  heartbeatMs: { description: 'how often an idle leader sends heartbeats', unit: 'milliseconds', min: 1, max: 60_000 },
  electionTimeoutMs: {
    description: 'shortest wait for a leader before an election',
    unit: 'milliseconds',
    min: 2,
    max: 600_000,
  },
  electionTimeoutMaxMs: {
    description: 'longest wait for a leader before an election, which is random from the shortest on; 0 for twice the shortest',
    unit: 'milliseconds',
    min: 0,
    max: 1_200_000,
  },
  lostLeaderElectionMs: {
    description: "shortest wait after the leader's channel closed; the wait is random in [x, 5x)",
    unit: 'milliseconds',
    min: 1,
    max: 60_000,
  },
  messageBytesMax: { description: 'entries in one AppendEntries; one entry always fits', unit: 'bytes', min: KIB, max: GIB },
  inflightMessagesMax: { description: 'unanswered AppendEntries to one follower', unit: 'messages', min: 1, max: 65_536 },
  inflightBytesMax: { description: 'unanswered entries to one follower', unit: 'bytes', min: KIB, max: 4 * GIB },
  uncommittedBytesMax: { description: 'entries a leader holds uncommitted before it rejects more', unit: 'bytes', min: KIB, max: 4 * GIB },
  leaseMs: {
    description: "for how long a majority's reply lets the leader serve lease reads; 0 for never",
    unit: 'milliseconds',
    min: 0,
    max: 599_999,
  },
});

export const LIMIT_SETTINGS: Readonly<Record<keyof ClusterLimits, NumberSetting>> = withDefaults(LIMIT_DEFAULTS, {
  payloadBytesMax: { description: "one job's payload, or one result", unit: 'bytes', min: 1, max: GIB },
  entryBytesMax: { description: 'requests gathered into one log entry; one request always fits', unit: 'bytes', min: 1, max: GIB },
  replyBytesMax: { description: 'payloads that one claim brings; one job always fits', unit: 'bytes', min: 1, max: GIB },
  turnBytesMax: { description: 'what one turn reads, applies or replies with; one request always fits', unit: 'bytes', min: 1, max: GIB },
  checkpointEntries: { description: 'log entries between two checkpoints', unit: 'entries', min: 1, max: 100_000_000 },
  checkpointBytes: { description: 'bytes of log entries between two checkpoints', unit: 'bytes', min: 1, max: 64 * GIB },
  checkpointRecords: { description: 'changed records between two checkpoints', unit: 'records', min: 1, max: 100_000_000 },
  tailEntries: { description: 'log entries kept behind a checkpoint for slow followers', unit: 'entries', min: 0, max: 100_000_000 },
  tailBytes: { description: 'bytes of such entries, which stay in memory', unit: 'bytes', min: 1, max: 64 * GIB },
  followerTailBytes: { description: 'bytes of entries kept for followers that catch up', unit: 'bytes', min: 1, max: 64 * GIB },
  payloadInEntryBytes: { description: 'from this size on a payload stays in its log entry', unit: 'bytes', min: 1, max: 64 * GIB },
  snapshotChunkBytes: { description: 'records in one InstallSnapshot', unit: 'bytes', min: 1, max: GIB },
  parkedClaimsMax: { description: 'claims that wait at the leader for a job', unit: 'claims', min: 1, max: 10_000_000 },
});

/** The groups of a configuration file that contain only numbers. */
export const NUMBER_GROUPS = Object.freeze({ raft: RAFT_SETTINGS, limits: LIMIT_SETTINGS });
export type NumberGroup = keyof typeof NUMBER_GROUPS;

/** Every number with its place, in display order. */
export function numberSettings(): { readonly group: NumberGroup; readonly key: string; readonly setting: NumberSetting }[] {
  const groups: readonly NumberGroup[] = ['raft', 'limits'];
  return groups.flatMap((group) => Object.entries(NUMBER_GROUPS[group]).map(([key, setting]) => ({ group, key, setting })));
}

type Described<Key extends string> = Readonly<Record<Key, Omit<NumberSetting, 'default'>>>;

function withDefaults<Key extends string>(defaults: Readonly<Record<Key, number>>, described: Described<Key>): Record<Key, NumberSetting> {
  const settings: Partial<Record<Key, NumberSetting>> = {};
  for (const key of Object.keys(described) as Key[]) settings[key] = { ...described[key], default: defaults[key] };
  // The only cast: the loop covers every key of a complete record.
  return settings as Record<Key, NumberSetting>;
}
