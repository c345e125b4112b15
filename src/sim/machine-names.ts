/** The state machines that a simulation can run. */
export const MACHINE_NAMES = ['queue', 'counter'] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];
