import type { z } from 'zod';
import { aValue, checkOptions, integerIn, optionsOf } from '../option-check.ts';
import type { MemberChange } from './admin-calls.ts';

/** The valid arguments of a call to one named node. */

const isNodeId = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;

const NODE = aValue<number>(isNodeId, 'Give the id of a node: a whole number from 1 on.');
const SUCCESSOR = aValue<number>(
  (value) => value === 0 || isNodeId(value),
  'Give the id of a node, or 0 for the voter that has most of the log.',
);
const INDEX = integerIn(0, Number.MAX_SAFE_INTEGER);
const NODES = aValue<readonly number[]>(
  (value) => Array.isArray(value) && value.every(isNodeId) && new Set(value).size === value.length,
  'Give a list of node ids: whole numbers from 1 on, each once.',
);
const CHANGE = optionsOf(
  { add: NODES.optional(), remove: NODES.optional(), learners: NODES.optional() } satisfies Record<keyof MemberChange, z.ZodType>,
  'Give an object { add, remove, learners } of node ids.',
);

/** @throws {InvalidOptionError} */
export function checkNode(node: unknown): void {
  checkOptions(NODE, node, ['node']);
}

/** @param to zero for any voter. @throws {InvalidOptionError} */
export function checkSuccessor(to: unknown): void {
  checkOptions(SUCCESSOR, to, ['to']);
}

/** @throws {InvalidOptionError} */
export function checkLogRange(from: unknown, to: unknown): void {
  checkOptions(INDEX, from, ['from']);
  checkOptions(INDEX, to, ['to']);
}

/** @throws {UnknownOptionError | InvalidOptionError} */
export function checkMemberChange(change: unknown): void {
  checkOptions(CHANGE, change, ['change']);
}
