import type { Question } from '../question.ts';
import { clusterStep } from './cluster-step.ts';
import { type NodesRow, nodesRow } from './nodes-row.ts';
import { simulatedStep } from './simulated-step.ts';

export const CLUSTER_SIZES = [1, 3, 5, 7, 9, 11, 13];
export const SIMULATED_SIZES = [1, 3, 5, 7, 9, 13, 21, 31, 51];

/** Adds of 64 B to clusters of 1 to 13 nodes, and what each costs; in the simulator up to 51. */
export const nodes: Question<NodesRow> = {
  id: 'nodes',
  asks: 'What does a node more cost?',
  row: nodesRow,
  rounds: 2,
  steps: [...CLUSTER_SIZES.map(clusterStep), ...SIMULATED_SIZES.map(simulatedStep)],
  isAlternating: true,
};
