import { MACHINE_VERSION } from '../protocol/machine-version.ts';
import { openJobQueue } from '../queue/open-job-queue.ts';
import { RECORD_KINDS } from '../queue/record.ts';
import type { MachineUnderTest } from './machine-under-test.ts';
import { SimClients } from './sim-clients.ts';
import { simulatedTimes } from './simulated-times.ts';

/** The job queue under simulation. */
export const QUEUE_MACHINE: MachineUnderTest = {
  machine: {
    recordKinds: RECORD_KINDS,
    versionMax: MACHINE_VERSION,
    open: ({ bounds }, limits, versionMax) => openJobQueue({ limits, bounds, versionMax, patternTimes: simulatedTimes() }),
  },
  clientsOf: (cluster, random) => new SimClients(cluster, random),
};
