import { ByteReader, ByteWriter, MalformedBytesError } from '../../base/bytes.ts';
import { assertNever } from '../../base/invariant.ts';
import { type ClientFrame, readClientFrames, type ServerFrame, writeClientFrame, writeServerFrame } from '../../protocol/client-frame.ts';
import { type Demand, demandsIn } from '../../protocol/demands.ts';
import { peekRequest, readRequestHeader } from '../../protocol/request-encoder.ts';
import { ANY_VERSION, OF_QUERIES } from '../../protocol/request-reader.ts';
import type { Denial } from './permit.ts';

/** What is left of a packet, and what its client receives in place of the rest. */
export interface ScreenedPacket {
  readonly passed: Uint8Array | undefined;
  readonly reply?: Uint8Array | undefined;
}

/** How long a client waits until the node knows a job whose id it has from another node. */
const RETRY_AFTER_MS = 20;

/** A client that asks for too much: its requests wait with it. */
export function postponePacket(packet: Uint8Array, retryAfterMs: number): ScreenedPacket {
  return screenFrames(packet, (frame) => {
    if (frame.type !== 'request' && frame.type !== 'query') return undefined;
    return overloadedReply(frame.request, retryAfterMs, 'The client asks for more each second than this node accepts.');
  });
}

/** @returns 0 for bytes that are no packet. */
export function operationsIn(packet: Uint8Array): number {
  const frames = framesOf(packet) ?? [];
  return frames.reduce((sum, frame) => {
    if (frame.type !== 'request' && frame.type !== 'query') return sum;
    const { request } = frame;
    return sum + (peekRequest(request) === undefined ? 1 : readRequestHeader(new ByteReader(request)).operations);
  }, 0);
}

const OPERATE = { permission: 'operate', reach: { type: 'all' } } as const;

/** Takes the frames out of a packet that are not permitted. The others stay as they are, in their order. */
export function screenPacket(packet: Uint8Array, denialOf: (demand: Demand) => Denial | undefined): ScreenedPacket {
  return screenFrames(packet, (frame) => replyTo(frame, denialOf));
}

/** @param replyOf undefined for a frame that is passed on; `none` for one that is not, and that nothing waits for. */
function screenFrames(packet: Uint8Array, replyOf: (frame: ClientFrame) => ServerFrame | 'none' | undefined): ScreenedPacket {
  const frames = framesOf(packet);
  // The node drops it: it reads it in the same way.
  if (frames === undefined) return { passed: packet };
  const results = frames.map((frame) => ({ frame, reply: replyOf(frame) }));
  const passed = results.filter(({ reply }) => reply === undefined);
  if (passed.length === frames.length) return { passed: packet };
  const replies = results.flatMap(({ reply }) => (reply === undefined || reply === 'none' ? [] : [reply]));
  return {
    passed: passed.length === 0 ? undefined : written(passed, ({ frame }, to) => writeClientFrame(to, frame)),
    reply: replies.length === 0 ? undefined : written(replies, (reply, to) => writeServerFrame(to, reply)),
  };
}

function framesOf(packet: Uint8Array): readonly ClientFrame[] | undefined {
  try {
    return readClientFrames(packet);
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

/** @returns undefined if the frame is permitted; `none` if nothing waits for a reply. */
function replyTo(frame: ClientFrame, denialOf: (demand: Demand) => Denial | undefined): ServerFrame | 'none' | undefined {
  switch (frame.type) {
    case 'request':
      return rejectionOf(frame.request, ANY_VERSION, denialOf);
    case 'query':
      return rejectionOf(frame.request, OF_QUERIES, denialOf);
    case 'cancel-claim':
      return denialOf({ what: 'a claim', permission: 'work', reach: { type: 'own' } }) === undefined ? undefined : 'none';
    case 'status':
      return undefined;
    case 'log':
      return adminRejection(frame.call, denialOf({ what: 'GetLog', permission: 'read', reach: { type: 'all' } }));
    case 'change':
      return adminRejection(frame.call, denialOf({ what: 'a change of members', ...OPERATE }));
    case 'transfer':
      return adminRejection(frame.call, denialOf({ what: 'a transfer of leadership', ...OPERATE }));
    default:
      return assertNever(frame);
  }
}

const adminRejection = (call: number, denial: Denial | undefined): ServerFrame | undefined =>
  denial === undefined ? undefined : { type: 'admin-rejected', call, reason: 'ACCESS_DENIED', leader: 0, message: denial.message };

/** A request is rejected as a whole, with the places of what is denied: its client sends the rest again. */
function rejectionOf(
  request: Uint8Array,
  version: number,
  denialOf: (demand: Demand) => Denial | undefined,
): ServerFrame | 'none' | undefined {
  const found = (demandsIn(request, version) ?? []).flatMap((demands, at) => {
    const denied = demands.map(denialOf).filter((denial) => denial !== undefined);
    // A transaction is rejected for good if one of its operations is.
    const denial = denied.find(({ isTemporary }) => !isTemporary) ?? denied[0];
    return denial === undefined ? [] : [{ at, ...denial }];
  });
  if (found.length === 0) return undefined;
  const final = found.filter(({ isTemporary }) => !isTemporary);
  const [first] = final;
  if (first === undefined) return overloadedReply(request, RETRY_AFTER_MS, found[0]?.message ?? '');
  const address = peekRequest(request);
  if (address === undefined) return 'none';
  const operations = final.map(({ at }) => at);
  return { ...address, type: 'rejected', code: 'ACCESS_DENIED', outcome: 'not-applied', operations, message: first.message };
}

function overloadedReply(request: Uint8Array, retryAfterMs: number, message: string): ServerFrame | 'none' {
  const address = peekRequest(request);
  if (address === undefined) return 'none';
  return { ...address, type: 'rejected', code: 'OVERLOADED', outcome: 'not-applied', retryAfterMs, operations: [], message };
}

function written<Item>(items: readonly Item[], write: (item: Item, to: ByteWriter) => void): Uint8Array {
  const to = new ByteWriter(1024);
  for (const item of items) write(item, to);
  return to.view();
}
