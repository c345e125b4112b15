import type { NodeEvent } from './event.ts';

/** Time, handed in: `monotonicMs` for timeouts, `wallMs` for stamps in the log. */
export interface Clock {
  monotonicMs(): number;
  wallMs(): number;
}

/** Reads the node's one stream of events. Must not throw. */
export type Observer = (event: NodeEvent) => void;
