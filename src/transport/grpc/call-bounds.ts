import { status } from '@grpc/grpc-js';
import { errorMetadata } from './call-status.ts';
import type { CallRejection, ServerCall } from './caller.ts';
import type { ClientBounds } from './client-bounds.ts';

/** After which a call may be repeated, in the trailing metadata: as clients of gRPC know it. */
const RETRY_AFTER = 'grpc-retry-pushback-ms';
/** Until a call that is in progress may have ended. */
const CALLS_RETRY_MS = 1_000;

/** The bounds of one call. */
export interface CallBounds {
  /** @returns why the call may not begin; else {@link end} is called at its end. */
  begin(): CallRejection | undefined;
  end(): void;
  /** The call was rejected, for whatever reason. */
  onRejected(): void;
}

export interface BoundedCall {
  readonly call: ServerCall;
  readonly bounds: ClientBounds;
  /** Of the client, once the call is permitted. */
  readonly identity: () => string;
  /** The client was rejected again and again. */
  readonly onExcess: () => void;
}

export function callBounds({ call, bounds, identity, onExcess }: BoundedCall): CallBounds {
  let name = '';
  return {
    begin: () => {
      name = identity();
      if (!bounds.beginCall(name))
        return overloaded(`The client has as many calls in progress as this node accepts. Await some first.`, CALLS_RETRY_MS);
      const waitMs = bounds.takeRequests(name, operationsIn(call));
      if (waitMs === 0) return undefined;
      bounds.endCall(name);
      return overloaded(`The client asks for more each second than this node accepts. Repeat the call after ${waitMs} ms.`, waitMs);
    },
    end: () => bounds.endCall(name),
    onRejected: () => {
      if (!bounds.onRejected(identity())) onExcess();
    },
  };
}

function overloaded(details: string, retryAfterMs: number): CallRejection {
  const metadata = errorMetadata('OVERLOADED', 'not-applied');
  metadata.set(RETRY_AFTER, String(retryAfterMs));
  return { code: status.RESOURCE_EXHAUSTED, details, metadata };
}

/** Those of a stream are in its messages. */
function operationsIn(call: ServerCall): number {
  if (!('request' in call)) return 0;
  // The loader makes the messages by their proto.
  const { jobs } = call.request as { readonly jobs?: readonly unknown[] };
  return jobs === undefined ? 1 : Math.max(jobs.length, 1);
}
