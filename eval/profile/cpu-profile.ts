import { z } from 'zod';

/** The part of a `.cpuprofile` that is read here. Format: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
const profileSchema = z.object({
  nodes: z.array(z.object({ id: z.number(), callFrame: z.object({ functionName: z.string(), url: z.string() }) })),
  samples: z.array(z.number()),
  /** Microseconds before each sample. */
  timeDeltas: z.array(z.number()),
});

export type CpuProfile = z.infer<typeof profileSchema>;

/** @throws {ZodError} when it is something else. */
export const parseCpuProfile = (text: string): CpuProfile => profileSchema.parse(JSON.parse(text));

/** Activities of a thread, in the order in which they are shown. */
export const ACTIVITIES = [
  'SQLite: commit (WAL, fsync, write-back)',
  'SQLite: statements, checksums',
  'checkpoint: encoding',
  'state machine',
  'Raft and the turn',
  'frames and ports',
  'client',
  'load generator',
  'garbage collection',
  'Node.js and V8',
  'idle',
] as const;
export type Activity = (typeof ACTIVITIES)[number];

const CHECKPOINT_FILES = /\/queue\/(checkpoint|checkpoint-layout|payload-pack|job-record|record|change-tracker)\.js$/;
const PLACES: readonly (readonly [RegExp, Activity])[] = [
  [/\/src\/storage\//, 'SQLite: statements, checksums'],
  [CHECKPOINT_FILES, 'checkpoint: encoding'],
  [/\/src\/queue\//, 'state machine'],
  [/\/src\/(transport|base|cluster)\/|\/src\/node\/outbox\.js$/, 'frames and ports'],
  [/\/src\/(raft|node)\//, 'Raft and the turn'],
  [/\/src\/client\//, 'client'],
  [/\/eval\//, 'load generator'],
];

/**
 * The activity of a function itself. A call into SQLite counts for its caller: the storage commits in one place, and its time there is
 * that of the system's writes and fsyncs.
 */
export function activityOf({ functionName, url }: { readonly functionName: string; readonly url: string }): Activity {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === 'postMessage' || functionName === 'receiveMessageOnPort') return 'frames and ports';
  if (functionName === 'crc32') return 'SQLite: statements, checksums';
  if (functionName === '#writing' && url.endsWith('/sqlite-storage.js')) return 'SQLite: commit (WAL, fsync, write-back)';
  return PLACES.find(([place]) => place.test(url))?.[1] ?? 'Node.js and V8';
}

/**
 * Mostly the leader's thread is active here: it appends clients' requests as entries, counts acknowledgements, and writes long payloads.
 */
const isLeadersOwn = ({ functionName, url }: { readonly functionName: string; readonly url: string }): boolean =>
  /\/node\/(proposer|entry-batch|request-router)\.js$|\/raft\/(leader|replication|progress)\.js$/.test(url) ||
  (url.endsWith('/base/bytes.js') && (functionName === 'copy' || functionName === '#grow'));

export interface ThreadTime {
  /** Milliseconds of each activity; their sum is the profiled time of the thread. */
  readonly ms: ReadonlyMap<Activity, number>;
  /** Milliseconds in activities of a leader. */
  readonly leadingMs: number;
}

/** @returns the thread's own time by activity. */
export function threadTimeOf({ nodes, samples, timeDeltas }: CpuProfile): ThreadTime {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const ms = new Map<Activity, number>();
  let leadingMs = 0;
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id);
    const tookMs = Math.max(0, timeDeltas[at] ?? 0) / 1000;
    if (frame === undefined) continue;
    const activity = activityOf(frame);
    ms.set(activity, (ms.get(activity) ?? 0) + tookMs);
    if (isLeadersOwn(frame)) leadingMs += tookMs;
  }
  return { ms, leadingMs };
}
