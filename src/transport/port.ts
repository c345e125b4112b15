import type { NodeId } from '../base/ids.ts';

/** How a node sends. Frames are posted in order; the receiver gets memory of its own. */
export interface Transport {
  sendToPeer(to: NodeId, frame: Uint8Array): void;
  sendToClient(connection: number, frame: Uint8Array): void;
}
