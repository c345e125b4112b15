import type { ClusterSettings } from '../cluster-options.ts';
import type { KillSwitchMemory } from '../kill-switch.ts';
import type { ErrorRecord } from './remote-error.ts';

/** A cluster on a folder. */
export type SharedSettings = ClusterSettings & { readonly dataDir: string };

/** Options of the thread that hosts the nodes. */
export interface HostBoot {
  readonly settings: SharedSettings;
  readonly killSwitch: KillSwitchMemory;
}

/** From the process to the thread. */
export type HostCommand =
  | { readonly type: 'close' }
  /** The process ends now: the nodes' files must be closed at once. */
  | { readonly type: 'exit' };

/** From the thread to its process. */
export type HostSignal =
  | { readonly type: 'ready' }
  /** It could not start the nodes; it ends. */
  | { readonly type: 'failed'; readonly error: ErrorRecord }
  | { readonly type: 'node-failed'; readonly node: number; readonly error: ErrorRecord }
  | { readonly type: 'repair'; readonly node: number; readonly damage: ErrorRecord; readonly movedTo: string };
