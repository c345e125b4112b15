import { manyWorkers } from './many-workers.ts';
import { queueNames } from './queue-names.ts';
import { replayedCommands } from './replayed-commands.ts';
import type { ScaleMeasure } from './scale-measure.ts';
import { steadyNodes } from './steady-nodes.ts';
import { waitingJobs } from './waiting-jobs.ts';

/** In the order in which they are measured. */
export const SCALE_MEASURES: readonly ScaleMeasure[] = [steadyNodes, waitingJobs, replayedCommands, queueNames, manyWorkers];
