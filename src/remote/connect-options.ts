import { z } from 'zod';
import { parseSettings, WAIT_MS } from '../cluster/cluster-arguments.ts';
import { groupOf } from '../config/cluster-config.ts';
import { ADDRESS, CLUSTER_NAME, INSECURE, INSECURE_REMEDY, isLoopback, TLS } from '../config/node-config.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import type { TokenSource } from '../security/token-source.ts';

export interface ConnectOptions {
  /** Addresses of nodes, `host:port`; one that replies is enough, the others are learned from it. */
  readonly endpoints: readonly string[];
  /** The name of the cluster, as in its configuration: nodes of another one are rejected. Default: any. */
  readonly cluster?: string;
  /** Uses nodes beyond this machine, without certificates: what is sent is not encrypted, and a node is not authenticated. Default: false. */
  readonly insecure?: boolean;
  /** Paths of PEM files: the authority of the nodes' certificates, and this client's own certificate and key, which are read again when they change. Default: no TLS. */
  readonly tls?: TlsPaths;
  /** What `jobraft tokens add` printed, or the path of a file with it, which is read again for each channel. With `tls` only. Default: none. */
  readonly token?: TokenSource;
  /** How long the first node may take to reply. Default: 10,000 ms. */
  readonly timeoutMs?: number;
}

const ENDPOINTS_MAX = 100;
const ENDPOINTS_REMEDY = `Give a list of 1 to ${ENDPOINTS_MAX} addresses of nodes: ['127.0.0.1:7101'].`;

const TOKEN_REMEDY = 'Give what "jobraft tokens add" printed, or { file } with the path of a file that has it.';
/** The value, which may be a secret, is in no error. */
const TOKEN = z.custom<TokenSource>(
  (value) =>
    typeof value === 'string' || (typeof value === 'object' && value !== null && 'file' in value && typeof value.file === 'string'),
  { error: TOKEN_REMEDY },
);

const CONNECT = groupOf(
  {
    endpoints: z
      .array(ADDRESS, { error: ENDPOINTS_REMEDY })
      .min(1, { error: ENDPOINTS_REMEDY })
      .max(ENDPOINTS_MAX, { error: ENDPOINTS_REMEDY }),
    cluster: CLUSTER_NAME.optional(),
    insecure: INSECURE,
    tls: TLS.optional(),
    token: TOKEN.optional(),
    timeoutMs: WAIT_MS.default(10_000),
  },
  'Give the addresses of nodes: { endpoints: ["127.0.0.1:7101"] }.',
).superRefine(({ endpoints, insecure, tls, token }, context) => {
  if (token !== undefined && tls === undefined)
    context.addIssue({ code: 'custom', path: ['tls'], message: 'A token is sent by TLS only. Name the files of a certificate.' });
  if (insecure || tls !== undefined) return;
  for (const [at, address] of endpoints.entries())
    if (!isLoopback(address)) context.addIssue({ code: 'custom', path: ['endpoints', at], message: INSECURE_REMEDY });
});

export type ConnectSettings = z.output<typeof CONNECT>;

/** @throws {ConfigError} */
export const connectSettings = (options: ConnectOptions): ConnectSettings => parseSettings(CONNECT, options, 'options');
