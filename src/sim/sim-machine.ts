import type { ClusterLimits } from '../config/limits.ts';
import type { OpenMachine, StateMachine } from '../node/state-machine.ts';
import type { Plan } from './plan.ts';

/** A state machine under simulation. */
export interface SimMachine {
  /** The kinds of its checkpoint records, for the storage. */
  readonly recordKinds: readonly string[];
  /** The newest version; nodes with older code apply versions up to the plan's `oldVersion`. */
  readonly versionMax: number;
  /** The machine of a node with these limits, whose code has versions up to `versionMax`. */
  open(plan: Plan, limits: ClusterLimits, versionMax: number): OpenMachine<StateMachine>;
}
