import type { NodeConfig } from '../config/node-config.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import type { AuditLog } from '../logs/audit-log.ts';
import type { NodeEvent } from '../node/event.ts';
import type { AccessTokens } from '../security/access-tokens.ts';
import type { TlsFiles } from '../security/tls-files.ts';
import type { ChannelSecurity } from '../transport/grpc/channel-security.ts';
import type { FormationWait, PeerRejection } from './node-listeners.ts';

export interface NodeServerOptions {
  readonly config: NodeConfig;
  /** Undefined without encryption at rest. */
  readonly keys: EncryptionKeys | undefined;
  /** Undefined without certificates. */
  readonly tls: TlsFiles | undefined;
  /** Undefined where clients need no token. */
  readonly tokens: AccessTokens | undefined;
  /** Undefined without one. */
  readonly audit: AuditLog | undefined;
  /** Of the channels to other nodes. */
  readonly security: ChannelSecurity;
  readonly observe: (event: NodeEvent) => void;
  readonly onWaiting: (wait: FormationWait) => void;
  /** The node belongs to a cluster, and takes part in it. */
  readonly onFormed: () => void;
  readonly onPeerRejects: (rejection: PeerRejection) => void;
  /** The node, which joined a running cluster, votes. */
  readonly onJoined: () => void;
  /** The node, which began with an empty file and did not join, votes. */
  readonly onVoting: () => void;
  /** Called at most once: the node has stopped by itself, or can never run with this configuration. It is to be disposed. */
  readonly onFailure: (error: unknown) => void;
}
