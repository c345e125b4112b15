import { Metadata, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Outcome } from '../../base/errors.ts';

type ServerCall = Parameters<ServerInterceptor>[1];
type CallStatus = Parameters<ServerCall['sendStatus']>[0];

/** How every error is described in the trailing metadata: see the head of proto/jobraft.proto. */
const CODE = 'jobraft-code';
const OUTCOME = 'jobraft-outcome';

export function errorMetadata(code: string, outcome: Outcome): Metadata {
  const metadata = new Metadata();
  metadata.set(CODE, code);
  metadata.set(OUTCOME, outcome);
  return metadata;
}

/** The code of an error that a node has described; undefined for one of gRPC itself. */
export function codeIn(metadata: Metadata): string | undefined {
  const [code] = metadata.get(CODE);
  return code === undefined ? undefined : String(code);
}

/** The same call, whose errors all have a code, an outcome and a remedy: also those that gRPC itself ends it with. */
export function describedStatuses(call: ServerCall, messageBytesMax: number): ServerCall {
  const sendStatus = call.sendStatus.bind(call);
  // gRPC calls this method of the object itself.
  call.sendStatus = (sent) => sendStatus(sent.code === status.OK ? sent : describedStatus(sent, messageBytesMax));
  return call;
}

/** @param messageBytesMax the largest message that the server accepts. */
export function describedStatus(sent: CallStatus, messageBytesMax: number): CallStatus {
  if (sent.metadata != null && sent.metadata.get(CODE).length > 0) return sent;
  const { code, outcome, remedy } = descriptionOf(sent, messageBytesMax);
  const metadata = errorMetadata(code, outcome);
  if (sent.metadata != null) metadata.merge(sent.metadata);
  return { ...sent, details: remedy ?? sent.details, metadata };
}

interface Description {
  readonly code: string;
  readonly outcome: Outcome;
  /** In place of the text of gRPC. */
  readonly remedy?: string;
}

function descriptionOf({ code, details }: CallStatus, messageBytesMax: number): Description {
  switch (code) {
    case status.RESOURCE_EXHAUSTED:
      if (!/larger than/.test(details)) return { code: 'OVERLOADED', outcome: 'not-applied' };
      return {
        code: 'MESSAGE_TOO_LARGE',
        outcome: 'not-applied',
        remedy: `The message is larger than the ${messageBytesMax} bytes that this node accepts. Send less in one call, or store the data elsewhere and put its address into the job.`,
      };
    case status.INTERNAL:
      if (!details.startsWith('Error deserializing')) return { code: 'INTERNAL', outcome: 'unknown' };
      return {
        code: 'INVALID_REQUEST',
        outcome: 'not-applied',
        remedy: 'The bytes are not the message that this call takes. Use the .proto files of the same release of jobraft.',
      };
    case status.DEADLINE_EXCEEDED:
      return {
        code: 'DEADLINE',
        outcome: 'unknown',
        remedy: 'The deadline of the call has passed. Look for what it does before you repeat it, or give it a later deadline.',
      };
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return { code: 'ACCESS_DENIED', outcome: 'not-applied' };
    case status.FAILED_PRECONDITION:
      return { code: 'HANDSHAKE_REJECTED', outcome: 'not-applied' };
    case status.UNAVAILABLE:
      return { code: 'NOT_READY', outcome: 'not-applied' };
    case status.INVALID_ARGUMENT:
      return { code: 'INVALID_REQUEST', outcome: 'not-applied' };
    default:
      return { code: 'INTERNAL', outcome: 'unknown' };
  }
}
