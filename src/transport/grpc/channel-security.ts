import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type ChannelCredentials, type Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { ownerOf } from '../../security/certificate-owner.ts';
import { describeOwner, type TlsFiles } from '../../security/tls-files.ts';
import type { ChannelOptions } from './channel-options.ts';
import { ClientHandshakes } from './client-handshakes.ts';

/** How one channel is secured. */
export interface SecuredChannel {
  readonly credentials: ChannelCredentials;
  readonly options: Readonly<Record<string, string>>;
  /** Its client is closed. */
  readonly close: () => void;
}

/** How the channels to nodes are secured. */
export interface ChannelSecurity {
  /** For a new channel. @param address `host:port` @param node that has to be there; undefined where any node of the cluster may be. */
  readonly channelTo: (address: string, node?: number) => SecuredChannel;
  /** Counts the certificates so far: a channel of an earlier one is made again. */
  readonly version: () => number;
}

/** What every channel to a node is made with. */
export interface Channels {
  readonly options: ChannelOptions;
  readonly security: ChannelSecurity;
}

export const UNSECURED: ChannelSecurity = {
  channelTo: () => ({ credentials: credentials.createInsecure(), options: {}, close: () => undefined }),
  version: () => 0,
};

/** The client of a channel, which closes it with itself. */
export function closingWith<Of extends Client>(client: Of, channel: SecuredChannel): Of {
  const close = client.close.bind(client);
  client.close = () => {
    close();
    channel.close();
  };
  return client;
}

/** TLS has names of servers, not addresses (RFC 6066, section 3). */
const NO_NAME = 'jobraft.invalid';

/**
 * Mutual TLS. A channel has the certificate of the time at which it was made; the caller makes a new one when it is lost.
 * @param secretOf of the token that each call has. Default: none.
 */
export const securedBy = (files: TlsFiles, secretOf?: () => string): ChannelSecurity => ({
  channelTo: (address, node) => {
    const { ca, certificate, key } = files.current;
    const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
    const handshakes = new ClientHandshakes();
    const secured = handshakes.watched(
      credentials.createSsl(ca, key, certificate, {
        checkServerIdentity: (_, peer) => checkServerIdentity(host, peer) ?? notTheNode(peer, node),
      }),
    );
    return {
      credentials: secretOf === undefined ? secured : credentials.combineChannelCredentials(secured, bearer(secretOf)),
      options: isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': NO_NAME },
      close: () => handshakes.abandon(),
    };
  },
  version: () => files.version,
});

/** gRPC sends it by TLS only. */
const bearer = (secretOf: () => string) =>
  credentials.createFromMetadataGenerator((_, callback) => {
    const metadata = new Metadata();
    try {
      metadata.set('authorization', `Bearer ${secretOf()}`);
    } catch (error) {
      callback(Object.assign(error instanceof Error ? error : new Error(String(error)), { code: status.UNAUTHENTICATED }));
      return;
    }
    callback(null, metadata);
  });

/** A client that has a certificate of the authority must not receive what is meant for a node. */
function notTheNode({ subjectaltname, subject }: PeerCertificate, node: number | undefined): Error | undefined {
  const owner = ownerOf({ subjectAltName: subjectaltname, subject: `CN=${subject.CN}` });
  if (owner.type === 'node' && (node === undefined || owner.node === node)) return undefined;
  const wanted = node === undefined ? 'a node' : `node ${node}`;
  return new Error(`The certificate there is that of ${describeOwner(owner)}, not that of ${wanted}.`);
}
