import { COUNTER_MACHINE } from './counter/counter-sim.ts';
import type { MachineName } from './machine-names.ts';
import type { MachineUnderTest } from './machine-under-test.ts';
import { QUEUE_MACHINE } from './queue-machine.ts';

/** The state machines that the simulator can run. */
export const SIM_MACHINES: Readonly<Record<MachineName, MachineUnderTest>> = { queue: QUEUE_MACHINE, counter: COUNTER_MACHINE };
