import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import type { ClientChannelHandlers } from '../client/endpoint.ts';
import { groupOf } from '../config/cluster-config.ts';
import { schemaProblems } from '../config/config-problems.ts';

const isNodeId = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1;

export const NODE_ID = z.custom<number>(isNodeId, { error: 'Node ids are whole numbers from 1 on.' });
export const NODE_IDS = z.custom<readonly number[]>(
  (value) => Array.isArray(value) && value.every(isNodeId) && new Set(value).size === value.length,
  { error: 'Give a list of node ids: whole numbers from 1 on, each once.' },
);
export const MEMBER_CHANGE = groupOf(
  { add: NODE_IDS.default([]), remove: NODE_IDS.default([]) },
  'Give the nodes to add and to remove: { add: [4], remove: [1] }.',
);
export const SIGNAL = z.instanceof(AbortSignal, { error: 'Give the signal of an AbortController.' });
export const WAIT_MS = z.custom<number>((value) => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER, {
  error: 'Give a number of milliseconds from 0 on.',
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
