import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Metadata, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream, status } from '@grpc/grpc-js';
import { type CertificateOwner, ownerOf } from '../../security/certificate-owner.ts';

/** Who has opened a connection, as far as its certificate says. */
export type Caller =
  | CertificateOwner
  /** The connection has no certificates: every program that reaches the address may call. */
  | { readonly type: 'unsecured' }
  /** It has no certificate, or one that does not count. */
  | { readonly type: 'unauthenticated'; readonly reason: string };

/** A call was rejected before anything of it was read. */
export interface CallRejection {
  readonly code: number;
  readonly details: string;
  /** Default: by the code. */
  readonly metadata?: Metadata;
}

export type ServerCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/** Whether a caller may make a call; `undefined` if so. @param method the name in the service. */
export type Guard = (caller: Caller, method: string, call: ServerCall) => CallRejection | undefined;

export function callerOn(socket: Socket): Caller {
  if (!(socket instanceof TLSSocket)) return { type: 'unsecured' };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { type: 'unauthenticated', reason: 'The connection has no certificate.' };
  if (!socket.authorized) {
    // Node.js has the code of the error there, which its type does not say.
    const reason = String(socket.authorizationError);
    return { type: 'unauthenticated', reason: `The certificate of the connection does not count: ${EXPLANATIONS[reason] ?? reason}.` };
  }
  return ownerOf(certificate);
}

/** Codes of OpenSSL's verification. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'another authority has signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'another authority has signed it',
  UNABLE_TO_GET_ISSUER_CERT: 'another authority has signed it',
  SELF_SIGNED_CERT_IN_CHAIN: 'another authority has signed it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it has signed itself',
  CERT_SIGNATURE_FAILURE: 'another authority has signed it',
  INVALID_PURPOSE: 'it may not be used by a client',
};

const CERTIFICATE_REMEDY =
  'Give a certificate of the cluster\'s authority, which "jobraft certs client" makes: settings tls.ca, tls.certificate and tls.key.';

/** For the services of clients: those that have a certificate of the authority, a node among them. */
export const clientGuard: Guard = (caller) =>
  caller.type === 'unauthenticated' ? { code: status.UNAUTHENTICATED, details: `${caller.reason} ${CERTIFICATE_REMEDY}` } : undefined;

/** Calls whose message names the node that calls. */
const NAMES_ITSELF = new Set(['Introduce', 'AskToRebuild']);
const FROM = 'jobraft-from';

/** For the service Raft: only a node, and only as itself. */
export const nodeGuard: Guard = (caller, method, call) => {
  if (caller.type === 'unsecured') return undefined;
  if (caller.type === 'unauthenticated') return { code: status.UNAUTHENTICATED, details: `${caller.reason} ${CERTIFICATE_REMEDY}` };
  if (caller.type === 'client')
    return {
      code: status.PERMISSION_DENIED,
      details: `The certificate is that of the client "${caller.name}"; only nodes may call ${method}. Use the certificate that "jobraft certs node" makes.`,
    };
  const claimed = claimedNode(method, call);
  if (claimed === undefined || claimed === caller.node) return undefined;
  return {
    code: status.PERMISSION_DENIED,
    details: `The call says that it is of node ${claimed}, and its certificate is that of node ${caller.node}. Give each node its own certificate.`,
  };
};

function claimedNode(method: string, call: ServerCall): number | undefined {
  const [from] = call.metadata.get(FROM);
  if (from !== undefined) return Number(from);
  if (!NAMES_ITSELF.has(method) || !('request' in call)) return undefined;
  // The loader makes the messages by their proto.
  const { node } = call.request as { readonly node?: unknown };
  return Number(node);
}
