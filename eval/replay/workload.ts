/**
 * How messages are offered.
 * - `paced`: message i is due at start + i · delayMs regardless of the earlier ones, then settleMs of rest: the published replay.
 * - `open-loop`: the same at a fixed rate, for latency; the sender never waits for the system.
 * - `closed-loop`: as fast as possible, with a bound in flight, for capacity.
 */
export type Workload =
  | {
      readonly model: 'paced';
      readonly delayMs: number;
      readonly settleMs: number;
      readonly messages: number;
      readonly payloadBytes: number;
    }
  | { readonly model: 'open-loop'; readonly ratePerSecond: number; readonly messages: number; readonly payloadBytes: number }
  | { readonly model: 'closed-loop'; readonly inFlightMax: number; readonly messages: number; readonly payloadBytes: number };

export type LoadModel = Workload['model'];

/** Milliseconds between two messages, for the models that have a schedule; `undefined` for a closed loop. */
export function intervalMs(workload: Workload): number | undefined {
  switch (workload.model) {
    case 'paced':
      return workload.delayMs;
    case 'open-loop':
      return 1000 / workload.ratePerSecond;
    case 'closed-loop':
      return undefined;
  }
}

export const settleMsOf = (workload: Workload): number => (workload.model === 'paced' ? workload.settleMs : 0);

/** Duration of the schedule alone, in milliseconds: no system ends earlier. */
export const scheduleMs = (workload: Workload): number => (intervalMs(workload) ?? 0) * workload.messages + settleMsOf(workload);
