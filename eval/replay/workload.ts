/**
 * How messages are offered.
 * - `paced`: a message is sent, its reply awaited, then the sender sleeps for delayMs, and so on; after the last sleep it rests for settleMs.
 *   This is the published replay: a closed loop of one message, with time to think.
 * - `open-loop`: message i is due at start + i / rate regardless of the earlier ones, for latency; the sender, in a thread of its own, never
 *   waits for the system.
 * - `closed-loop`: as fast as possible, with a bound in flight; a fixed number of messages, so it is cold.
 */
export type ListedWorkload = PacedWorkload | OpenLoopWorkload | ClosedLoopWorkload;

interface Listed {
  readonly messages: number;
  readonly payloadBytes: number;
}

export interface PacedWorkload extends Listed {
  readonly model: 'paced';
  readonly delayMs: number;
  readonly settleMs: number;
}

export interface OpenLoopWorkload extends Listed {
  readonly model: 'open-loop';
  readonly ratePerSecond: number;
}

export interface ClosedLoopWorkload extends Listed {
  readonly model: 'closed-loop';
  readonly inFlightMax: number;
}

/** `steady`: messages circulate, with a bound in flight, until their rate is steady, and then for ten seconds: for capacity. */
export interface SteadyWorkload {
  readonly model: 'steady';
  readonly inFlightMax: number;
  readonly payloadBytes: number;
  /** Their number is not planned. */
  readonly messages: 0;
}

export type Workload = ListedWorkload | SteadyWorkload;

export type LoadModel = Workload['model'];

/** Milliseconds from one message to the next, beside the replies: the pause, or the interval of a schedule. 0 for a closed loop. */
export function intervalMs(workload: Workload): number {
  switch (workload.model) {
    case 'paced':
      return workload.delayMs;
    case 'open-loop':
      return 1000 / workload.ratePerSecond;
    case 'closed-loop':
    case 'steady':
      return 0;
  }
}

export const settleMsOf = (workload: Workload): number => (workload.model === 'paced' ? workload.settleMs : 0);

/** Duration of the pauses, or of the schedule, alone, in milliseconds: no system ends earlier. */
export const scheduleMs = (workload: Workload): number => intervalMs(workload) * workload.messages + settleMsOf(workload);
