import { MACHINE_VERSION } from '../protocol/machine-version.ts';
import { openJobQueue } from '../queue/open-job-queue.ts';
import { RECORD_KINDS } from '../queue/record.ts';
import { SimClients } from './sim-clients.ts';
import type { SimMachine } from './sim-machine.ts';

/** The job queue under simulation. */
export const QUEUE_MACHINE: SimMachine = {
  recordKinds: RECORD_KINDS,
  versionMax: MACHINE_VERSION,
  open: ({ bounds }, limits, versionMax) => openJobQueue({ limits, bounds, versionMax }),
  clientsOf: (world, random) => new SimClients(world, random),
};
