import { z } from 'zod';

/** Maximum duration of a fault in milliseconds: an hour. */
const FAULT_MS_MAX = 3_600_000;

const isNumberUpTo = (value: unknown, most: number): boolean => typeof value === 'number' && value >= 0 && value <= most;

export const PAUSE_MS = z.custom<number>((value) => isNumberUpTo(value, FAULT_MS_MAX), {
  error: `Give a number of milliseconds from 0 to ${FAULT_MS_MAX}.`,
});
export const PROBABILITY = z.custom<number>((value) => isNumberUpTo(value, 1), { error: 'Give a number from 0 to 1.' });
export const DELAY = z.custom<number | { readonly fromMs: number; readonly toMs: number }>(isDelay, {
  error: `Give a number of milliseconds from 0 to ${FAULT_MS_MAX}, or { fromMs, toMs }.`,
});

function isDelay(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isNumberUpTo(value, FAULT_MS_MAX);
  if (!('fromMs' in value && 'toMs' in value) || Object.keys(value).length !== 2) return false;
  return isNumberUpTo(value.fromMs, FAULT_MS_MAX) && isNumberUpTo(value.toMs, FAULT_MS_MAX) && Number(value.fromMs) <= Number(value.toMs);
}

/** Groups of the cluster's nodes, each as a list of ids. */
export const groupsOf = (nodes: readonly number[]) =>
  z.custom<readonly (readonly number[])[]>(
    (value) => Array.isArray(value) && value.every((group) => Array.isArray(group) && group.every((node) => nodes.includes(node))),
    { error: `Give lists of node ids: [[1], [2, 3]]. The cluster's nodes are ${nodes.join(', ')}.` },
  );
