import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import type { ClientChannelHandlers } from '../client/endpoint.ts';
import { groupOf } from '../config/cluster-config.ts';
import { schemaProblems } from '../config/config-problems.ts';

/** Maximum duration of a fault in milliseconds: an hour. */
const FAULT_MS_MAX = 3_600_000;

const isNodeId = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1;
const isTime = (value: unknown, mostMs: number): boolean => typeof value === 'number' && value >= 0 && value <= mostMs;

export const NODE_ID = z.custom<number>(isNodeId, { error: 'Node ids are whole numbers from 1 on.' });
export const NODE_IDS = z.custom<readonly number[]>(
  (value) => Array.isArray(value) && value.every(isNodeId) && new Set(value).size === value.length,
  { error: 'Give a list of node ids: whole numbers from 1 on, each once.' },
);
export const MEMBER_CHANGE = groupOf(
  { add: NODE_IDS.default([]), remove: NODE_IDS.default([]) },
  'Give the nodes to add and to remove: { add: [4], remove: [1] }.',
);
export const WAIT_MS = z.custom<number>((value) => isTime(value, Number.MAX_SAFE_INTEGER), {
  error: 'Give a number of milliseconds from 0 on.',
});
export const PAUSE_MS = z.custom<number>((value) => isTime(value, FAULT_MS_MAX), {
  error: `Give a number of milliseconds from 0 to ${FAULT_MS_MAX}.`,
});
export const PROBABILITY = z.custom<number>((value) => isTime(value, 1), { error: 'Give a number from 0 to 1.' });
export const DELAY = z.custom<number | { readonly fromMs: number; readonly toMs: number }>(isDelay, {
  error: `Give a number of milliseconds from 0 to ${FAULT_MS_MAX}, or { fromMs, toMs }.`,
});

export const CHANNEL_HANDLERS = z.custom<ClientChannelHandlers>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'onPacket' in value &&
    typeof value.onPacket === 'function' &&
    'onLost' in value &&
    typeof value.onLost === 'function',
  { error: 'Give an object with the functions onPacket and onLost.' },
);

function isDelay(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isTime(value, FAULT_MS_MAX);
  if (!('fromMs' in value && 'toMs' in value) || Object.keys(value).length !== 2) return false;
  return isTime(value.fromMs, FAULT_MS_MAX) && isTime(value.toMs, FAULT_MS_MAX) && Number(value.fromMs) <= Number(value.toMs);
}

/** Groups of the cluster's nodes, each as a list of ids. */
export const groupsOf = (nodes: readonly number[]) =>
  z.custom<readonly (readonly number[])[]>(
    (value) => Array.isArray(value) && value.every((group) => Array.isArray(group) && group.every((node) => nodes.includes(node))),
    { error: `Give lists of node ids: [[1], [2, 3]]. The cluster's nodes are ${nodes.join(', ')}.` },
  );

/**
 * @param key the name of the argument; errors of settings within it give their own names.
 * @returns the value with its defaults.
 * @throws {ConfigError} for the first invalid setting; an unknown name is reported first, since it explains other settings that seem to be
 * missing.
 */
export function parseSettings<Schema extends z.ZodType>(schema: Schema, value: unknown, key: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const unknown = issues.filter(({ code }) => code === 'unrecognized_keys');
  const [problem] = schemaProblems(value, [...unknown, ...issues], () => '');
  throw new ConfigError(problem?.key || key, problem?.value, problem?.remedy ?? '');
}
