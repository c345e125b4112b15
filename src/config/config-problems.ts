import type { z } from 'zod';
import { isPromise } from '../base/missing-await.ts';
import { nearestName } from '../base/nearest-name.ts';
import { HIDDEN } from '../encryption/read-keys.ts';
import type { ConfigProblem } from './config-file-error.ts';
import { LIMIT_SETTINGS, RAFT_SETTINGS } from './setting-table.ts';

type Locate = (path: readonly PropertyKey[]) => string;

/** The problems found by the schema, one per setting, each with its remedy. */
export function schemaProblems(raw: unknown, issues: readonly z.core.$ZodIssue[], locate: Locate): ConfigProblem[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ key: nameOf(issue.path), value: shownAt(raw, issue.path), place: locate(issue.path), remedy: issue.message }];
    }
    const known = issue.message.split(', ');
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return { key: nameOf(path), value: shownAt(raw, path), place: locate(path), remedy: unknownKeyRemedy(key, known) };
    });
  });
}

/** Problems between two settings that are valid on their own. */
export function relationProblems(raw: unknown, locate: Locate): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const heartbeatMs = numberAt(raw, ['raft', 'heartbeatMs'], RAFT_SETTINGS.heartbeatMs.default);
  const electionTimeoutMs = numberAt(raw, ['raft', 'electionTimeoutMs'], RAFT_SETTINGS.electionTimeoutMs.default);
  if (electionTimeoutMs < 2 * heartbeatMs) {
    const path = hasValue(raw, ['raft', 'electionTimeoutMs']) ? ['raft', 'electionTimeoutMs'] : ['raft', 'heartbeatMs'];
    const remedy =
      path[1] === 'electionTimeoutMs'
        ? `Raise it to at least twice raft.heartbeatMs (${2 * heartbeatMs}), or followers depose a working leader.`
        : `Lower it to at most half of raft.electionTimeoutMs (${electionTimeoutMs / 2}), or followers depose a working leader.`;
    problems.push({ key: nameOf(path), value: valueAt(raw, path), place: locate(path), remedy });
  }
  const electionTimeoutMaxMs = numberAt(raw, ['raft', 'electionTimeoutMaxMs'], RAFT_SETTINGS.electionTimeoutMaxMs.default);
  if (electionTimeoutMaxMs > 0 && electionTimeoutMaxMs < electionTimeoutMs) {
    const path = ['raft', 'electionTimeoutMaxMs'];
    const remedy = `Raise it to at least raft.electionTimeoutMs (${electionTimeoutMs}), or 0 for twice that.`;
    problems.push({ key: nameOf(path), value: valueAt(raw, path), place: locate(path), remedy });
  }
  const leaseMs = numberAt(raw, ['raft', 'leaseMs'], RAFT_SETTINGS.leaseMs.default);
  if (leaseMs >= electionTimeoutMs) {
    const path = ['raft', 'leaseMs'];
    const remedy = `Keep it below raft.electionTimeoutMs (${electionTimeoutMs}), or 0 for no lease.`;
    problems.push({ key: nameOf(path), value: valueAt(raw, path), place: locate(path), remedy });
  }
  const payloadBytesMax = numberAt(raw, ['limits', 'payloadBytesMax'], LIMIT_SETTINGS.payloadBytesMax.default);
  const uncommittedBytesMax = numberAt(raw, ['raft', 'uncommittedBytesMax'], RAFT_SETTINGS.uncommittedBytesMax.default);
  if (payloadBytesMax > uncommittedBytesMax) {
    const path = hasValue(raw, ['limits', 'payloadBytesMax']) ? ['limits', 'payloadBytesMax'] : ['raft', 'uncommittedBytesMax'];
    const remedy =
      path[0] === 'limits'
        ? `Lower it to at most raft.uncommittedBytesMax (${uncommittedBytesMax}), or the cluster could never accept such a job.`
        : `Raise it to at least limits.payloadBytesMax (${payloadBytesMax}), or the cluster could never accept such a job.`;
    problems.push({ key: nameOf(path), value: valueAt(raw, path), place: locate(path), remedy });
  }
  return problems;
}

function unknownKeyRemedy(key: string, known: readonly string[]): string {
  const meant = nearestName(key, known);
  return `No such setting.${meant === undefined ? '' : ` Did you mean "${meant}"?`} Known here are ${known.join(', ')}.`;
}

export const nameOf = (path: readonly PropertyKey[]): string => path.map(String).join('.');

/** A value that may be a key, or has one, also under a misspelt name, is not shown. */
function shownAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  const value = valueAt(raw, path);
  const isSecret = path.some((name) => /^enc/i.test(String(name))) && path.at(-1) !== 'keys';
  const hasText = typeof value === 'string' || (typeof value === 'object' && value !== null && !isPromise(value));
  return isSecret && hasText ? HIDDEN : value;
}

export function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

const hasValue = (raw: unknown, path: readonly PropertyKey[]): boolean => valueAt(raw, path) !== undefined;

/** The schema reports a value that is no number: it is left out of comparisons. */
function numberAt(raw: unknown, path: readonly PropertyKey[], fallback: number): number {
  const value = valueAt(raw, path);
  if (value === undefined) return fallback;
  return typeof value === 'number' ? value : Number.NaN;
}
