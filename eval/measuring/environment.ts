import { createHash } from 'node:crypto';
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { round } from './latency-summary.ts';
import { quantile } from './statistics.ts';

const environmentSchema = z.object({
  cpu: z.string(),
  cores: z.number(),
  memoryBytes: z.number(),
  platform: z.string(),
  kernel: z.string(),
  filesystem: z.string(),
  node: z.string(),
  /** 4 KiB written and fdatasync'ed, at the start of each session. */
  fdatasyncProbes: z.array(z.object({ at: z.string(), count: z.number(), p50Ms: z.number(), p99Ms: z.number() })),
});

export type Environment = z.infer<typeof environmentSchema>;
const fileSchema = z.record(z.string(), environmentSchema);

const PROBE_BYTES = 4096;
const PROBES_MAX = 300;
const PROBE_LIMIT_MS = 1500;
const PROBES_KEPT = 20;

/** Conditions of a figure that are not in the code. */
export function describeEnvironment(folder: string): Omit<Environment, 'fdatasyncProbes'> {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    platform: `${platform()} ${arch()}`,
    kernel: release(),
    filesystem: filesystemOf(folder),
    node: process.version,
  };
}

/** The first line of every evaluation: machine, file system of `folder`, and runtime. */
export function machineLine(folder: string): string {
  const { cpu, cores, filesystem, kernel, node } = describeEnvironment(folder);
  return `${cpu}, ${cores} cores, ${filesystem}, kernel ${kernel}, Node.js ${node}`;
}

/** Short and stable: the same machine, kernel, file system and Node.js give the same id. */
export const environmentId = (environment: Omit<Environment, 'fdatasyncProbes'>): string =>
  createHash('sha256').update(JSON.stringify(environment)).digest('hex').slice(0, 8);

/** The time of one durable write: the floor of every durable figure. */
export function probeFdatasync(
  folder: string,
  countMax = PROBES_MAX,
): { readonly count: number; readonly p50Ms: number; readonly p99Ms: number } {
  const file = join(folder, `.fdatasync-probe-${process.pid}`);
  const block = Buffer.alloc(PROBE_BYTES, 1);
  const handle = openSync(file, 'w');
  const tookMs: number[] = [];
  try {
    const startedAt = performance.now();
    while (tookMs.length < countMax && performance.now() - startedAt < PROBE_LIMIT_MS) {
      const before = performance.now();
      writeSync(handle, block);
      fdatasyncSync(handle);
      tookMs.push(performance.now() - before);
    }
  } finally {
    closeSync(handle);
    rmSync(file, { force: true });
  }
  tookMs.sort((a, b) => a - b);
  return { count: tookMs.length, p50Ms: round(quantile(tookMs, 0.5)), p99Ms: round(quantile(tookMs, 0.99)) };
}

/** Describes and probes this machine, adds it to environment.json, and returns its id. */
export function recordEnvironment(folder: string, environmentFile: string, at: Date): string {
  const described = describeEnvironment(folder);
  const id = environmentId(described);
  const known = readEnvironments(environmentFile);
  const probes = [...(known[id]?.fdatasyncProbes ?? []), { at: at.toISOString(), ...probeFdatasync(folder) }].slice(-PROBES_KEPT);
  known[id] = { ...described, fdatasyncProbes: probes };
  writeFileSync(environmentFile, `${JSON.stringify(known, undefined, 2)}\n`);
  return id;
}

/** A missing or damaged file gives no descriptions; the rows keep their environment's id. */
export function readEnvironments(environmentFile: string): Record<string, Environment> {
  if (!existsSync(environmentFile)) return {};
  try {
    return fileSchema.parse(JSON.parse(readFileSync(environmentFile, 'utf8')));
  } catch {
    return {};
  }
}

/** Linux's magic numbers of file systems (statfs(2)); others are shown as their number. */
const FILESYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  801189825: 'zfs',
  26985: 'nfs',
  1702057286: 'fuse',
  26: 'apfs',
};

function filesystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return FILESYSTEMS[type] ?? `type 0x${type.toString(16)}`;
}
