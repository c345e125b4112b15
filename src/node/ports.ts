import type { NodeEvent } from './event.ts';

/** Injected time: `monotonicMs` for timeouts, `wallMs` for timestamps in the log. */
export interface Clock {
  monotonicMs(): number;
  wallMs(): number;
}

/** Reads the node's event stream. Must not throw. */
export type Observer = (event: NodeEvent) => void;
