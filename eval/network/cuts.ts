import type { Direction } from './links.ts';
import { NODES } from './node-cluster.ts';

/** How long a cut lasts that no node is to react to: several election timeouts, and longer than TCP's first retransmissions. */
export const CUT_MS = 3_000;

export const others = (node: number): number[] => NODES.filter((other) => other !== node);

/** Every pair of nodes, once. */
const PAIRS = NODES.flatMap((one, at) => NODES.slice(at + 1).map((other): Direction => [one, other]));

/** The pairs between which a cut is. */
export const pairs = (isCut: (one: number, other: number) => boolean): Direction[] => PAIRS.filter(([one, other]) => isCut(one, other));

export const fromNode = (node: number): Direction[] => others(node).map((other) => [node, other]);
export const toNode = (node: number): Direction[] => others(node).map((other) => [other, node]);
