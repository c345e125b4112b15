import type { MachineClients } from './machine-clients.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimRandom } from './sim-random.ts';

/** A state machine, and the clients that use it under simulation. */
export interface MachineUnderTest {
  readonly machine: SimMachine;
  /** The clients of a cluster that is being made, which start later. */
  clientsOf(cluster: SimCluster, random: SimRandom): MachineClients;
}
