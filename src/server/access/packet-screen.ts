import { ByteWriter, MalformedBytesError } from '../../base/bytes.ts';
import { assertNever } from '../../base/invariant.ts';
import { type ClientFrame, readClientFrames, type ServerFrame, writeClientFrame, writeServerFrame } from '../../protocol/client-frame.ts';
import { type Demand, demandsIn } from '../../protocol/demands.ts';
import { peekRequest } from '../../protocol/request-encoder.ts';
import { ANY_VERSION, OF_QUERIES } from '../../protocol/request-reader.ts';
import type { Denial } from './permit.ts';

/** What is left of a packet, and what its client receives in place of the rest. */
export interface ScreenedPacket {
  readonly passed: Uint8Array | undefined;
  readonly reply?: Uint8Array | undefined;
}

/** How long a client waits until the node knows a job whose id it has from another node. */
const RETRY_AFTER_MS = 20;

const OPERATE = { permission: 'operate', reach: { type: 'all' } } as const;

/** Takes the frames out of a packet that are not permitted. The others stay as they are, in their order. */
export function screenPacket(packet: Uint8Array, denialOf: (demand: Demand) => Denial | undefined): ScreenedPacket {
  let frames: readonly ClientFrame[];
  try {
    frames = readClientFrames(packet);
  } catch (error) {
    // The node drops it: it reads it in the same way.
    if (error instanceof MalformedBytesError) return { passed: packet };
    throw error;
  }
  const results = frames.map((frame) => ({ frame, reply: replyTo(frame, denialOf) }));
  const passed = results.filter(({ reply }) => reply === undefined);
  if (passed.length === frames.length) return { passed: packet };
  const replies = results.flatMap(({ reply }) => (reply === undefined || reply === 'none' ? [] : [reply]));
  return {
    passed: passed.length === 0 ? undefined : written(passed, ({ frame }, to) => writeClientFrame(to, frame)),
    reply: replies.length === 0 ? undefined : written(replies, (reply, to) => writeServerFrame(to, reply)),
  };
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
  const found = (demandsIn(request, version) ?? []).flatMap((demand, at) => {
    const denial = denialOf(demand);
    return denial === undefined ? [] : [{ at, ...denial }];
  });
  if (found.length === 0) return undefined;
  const address = peekRequest(request);
  if (address === undefined) return 'none';
  const final = found.filter(({ isTemporary }) => !isTemporary);
  const [first] = final;
  const rejected = { type: 'rejected', ...address, outcome: 'not-applied' } as const;
  if (first !== undefined) return { ...rejected, code: 'ACCESS_DENIED', operations: final.map(({ at }) => at), message: first.message };
  return { ...rejected, code: 'OVERLOADED', retryAfterMs: RETRY_AFTER_MS, operations: [], message: found[0]?.message ?? '' };
}

function written<Item>(items: readonly Item[], write: (item: Item, to: ByteWriter) => void): Uint8Array {
  const to = new ByteWriter(1024);
  for (const item of items) write(item, to);
  return to.view();
}
