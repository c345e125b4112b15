import { freemem } from 'node:os';

/** Resident memory of one waiting job of 64 B on one node, measured with a million of them; rounded up. */
const JOB_BYTES = 400;
const SHARE_OF_FREE_MEMORY = 0.5;

/**
 * How many waiting jobs of 64 B fit into half of the free memory. The queue has no call that empties it, so a load that only adds jobs is
 * bounded by this number.
 */
export const waitingJobsThatFit = (nodes: number, freeBytes: number = freemem()): number =>
  Math.floor((freeBytes * SHARE_OF_FREE_MEMORY) / (JOB_BYTES * nodes));
