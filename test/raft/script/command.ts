import type { Arguments } from './arguments.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

/** Executes a command; its output goes to the cluster. */
type Command = (cluster: TranscriptCluster, args: Arguments) => void;
export type Commands = Readonly<Record<string, Command>>;
