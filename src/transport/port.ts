import type { NodeId } from '../base/ids.ts';

/** The way out of a node. Frames are posted in order; the receiver gets memory of its own. */
export interface Transport {
  sendToPeer(to: NodeId, frame: Uint8Array): void;
  sendToClient(connection: number, frame: Uint8Array): void;
}
