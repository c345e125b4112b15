import { isolatedListener } from '../client/listeners.ts';

/** Nodes without which a new cluster cannot be formed, and why one of them does not count, if it replied. */
export interface FormationWait {
  readonly missing: readonly number[];
  readonly reason: string | undefined;
}

/** A node that rejects this one: an address in "nodes" is wrong, or its process has another configuration. */
export interface PeerRejection {
  readonly peer: number;
  /** Its address in "nodes". */
  readonly address: string;
  readonly reason: string;
}

/** What a program learns of its node. None of the listeners may throw. */
export interface NodeListeners {
  /** The cluster is new, and is formed once these nodes run. Called when this changes. */
  readonly onWaiting?: (wait: FormationWait) => void;
  /** The node belongs to a cluster, and takes part in it. */
  readonly onFormed?: () => void;
  /** Another node has rejected this one for some seconds. Called once for each reason, until there is a channel. Default: a process warning. */
  readonly onPeerRejects?: (rejection: PeerRejection) => void;
  /** The node listens beyond this machine without certificates: every program that reaches `address` can read and change all jobs. */
  readonly onInsecure?: (warning: { readonly address: string; readonly message: string }) => void;
  /** Renewed files of the certificate cannot be used; the node goes on with those before. Default: a process warning. */
  readonly onCertificateRejected?: (rejection: { readonly message: string }) => void;
  /** The changed file of the tokens cannot be used; the node goes on with what it had before. Default: a process warning. */
  readonly onTokensRejected?: (rejection: { readonly message: string }) => void;
  /** The node, which joined a running cluster, has everything, and votes from now on. */
  readonly onJoined?: () => void;
  /** The node's file was restored from an older copy, or is damaged: it was moved to `movedTo`, and the node gets everything from the others. */
  readonly onRepair?: (repair: { readonly damage: Error; readonly movedTo: string }) => void;
  /** The node, which began with an empty file, as after its folder was lost, has everything from the others, and votes from now on. */
  readonly onVoting?: () => void;
  /** The node has stopped by itself, and is closed: a write failed, an invariant is broken, or the others have another cluster. */
  readonly onFailure?: (error: Error) => void;
}

export const nodeListeners = ({
  onWaiting = () => undefined,
  onFormed = () => undefined,
  onPeerRejects = warnOfRejection,
  onInsecure = warnOfInsecureAddress,
  onCertificateRejected = warnOfCertificate,
  onTokensRejected = warnOfTokens,
  onJoined = () => undefined,
  onRepair = warnOfRepair,
  onVoting = () => undefined,
  onFailure = warnOfFailure,
}: NodeListeners): Required<NodeListeners> => ({
  onWaiting: isolatedListener('onWaiting', onWaiting),
  onFormed: isolatedListener('onFormed', onFormed),
  onPeerRejects: isolatedListener('onPeerRejects', onPeerRejects),
  onInsecure: isolatedListener('onInsecure', onInsecure),
  onCertificateRejected: isolatedListener('onCertificateRejected', onCertificateRejected),
  onTokensRejected: isolatedListener('onTokensRejected', onTokensRejected),
  onJoined: isolatedListener('onJoined', onJoined),
  onRepair: isolatedListener('onRepair', onRepair),
  onVoting: isolatedListener('onVoting', onVoting),
  onFailure: isolatedListener('onFailure', onFailure),
});

function warnOfRejection({ peer, address, reason }: PeerRejection): void {
  process.emitWarning(`Node ${peer}, at ${address}, rejects this node: ${reason}`, { type: 'JobraftPeer' });
}

function warnOfCertificate({ message }: { readonly message: string }): void {
  process.emitWarning(message, { type: 'JobraftCertificate' });
}

function warnOfTokens({ message }: { readonly message: string }): void {
  process.emitWarning(message, { type: 'JobraftTokens' });
}

function warnOfInsecureAddress({ message }: { readonly message: string }): void {
  process.emitWarning(message, { type: 'JobraftInsecure' });
}

function warnOfRepair({ damage, movedTo }: { readonly damage: Error; readonly movedTo: string }): void {
  process.emitWarning(`${damage.message} It was moved to ${movedTo}.`, { type: 'JobraftRepair' });
}

function warnOfFailure(error: Error): void {
  process.emitWarning(error.message, { type: 'JobraftNodeFailure' });
}
