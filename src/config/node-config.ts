import { z } from 'zod';
import type { EncryptionOptions } from '../encryption/read-keys.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import { CLUSTER_SHAPE, type ClusterConfig, groupOf, type LOG_LEVELS, NODES_MAX, numberSchema } from './cluster-config.ts';
import type { ClusterLimits } from './limits.ts';

/** A node of the cluster, and where it listens. */
export interface NodeAddress {
  readonly id: number;
  /** `host:port` */
  readonly address: string;
}

/** The configuration of one node that is a process of its own. */
export interface NodeConfig {
  readonly id: number;
  /** The name of the cluster: nodes of another one are rejected. */
  readonly cluster: string;
  /**
   * Nodes of the cluster, this one included, and where they listen. A new cluster is formed with these, so they must be the same in the files of
   * all nodes; later one that runs is enough, and the others are learned from it.
   */
  readonly nodes: readonly NodeAddress[];
  /** The folder of this node. */
  readonly dataDir: string;
  /** Whether addresses beyond this machine are accepted without certificates. */
  readonly insecure: boolean;
  /** Paths of PEM files: then all channels use mutual TLS, and addresses beyond this machine are accepted. */
  readonly tls?: TlsPaths;
  /** The file of the tokens that clients need, beside a certificate. */
  readonly access?: { readonly tokens: string };
  readonly durability: ClusterConfig['durability'];
  /** How long after the end of a client's process its leases are released, in ms; 0: not before they end by themselves. */
  readonly holderGraceMs: number;
  /** Of each client: by its token, its certificate or its address. Nodes are not bounded. */
  readonly clientConnectionsMax: number;
  /** Calls in progress, streams included. */
  readonly clientCallsMax: number;
  /** Operations; 0 for any number. */
  readonly clientRequestsPerSecondMax: number;
  readonly raft: RaftConfig;
  readonly limits: ClusterLimits;
  readonly logs?: NonNullable<ClusterConfig['logs']>;
  /** Encryption at rest, with the node's own keys: those of other nodes may differ. */
  readonly encryption?: EncryptionOptions;
  /** The file of administrative commands; `-` is standard output. Without it there is none. */
  readonly audit?: string;
  /** `host:port` for `/metrics`, `/healthz` and `/readyz` by HTTP; without it there is none. */
  readonly metrics?: string;
  /** The node joins the running cluster of the others in `nodes`, unless it is a member already. */
  readonly join: boolean;
}

const ADDRESS_REMEDY = 'Give a host and a port from 1 to 65535: 127.0.0.1:7101, or [::1]:7101 for IPv6.';
export const ADDRESS = z.custom<string>((value) => typeof value === 'string' && isAddress(value), { error: ADDRESS_REMEDY });
export const INSECURE = z.boolean({ error: 'Give true or false; the default is false.' }).default(false);
export const INSECURE_REMEDY =
  'Without certificates only addresses of this machine are accepted: 127.0.0.1, [::1] or localhost. Make certificates with "jobraft certs", and name them under "tls"; or, where every program that reaches the address may read and change all jobs, set "insecure" to true (JOBRAFT_INSECURE=true).';
const TLS_PATH = z.string({ error: 'Give the path of a PEM file.' }).min(1, { error: 'Give the path of a PEM file.' });
/** All three, or none. */
export const TLS = groupOf(
  { ca: TLS_PATH, certificate: TLS_PATH, key: TLS_PATH },
  'Give the paths of PEM files: { ca, certificate, key }. "jobraft certs" makes them.',
);
const AUDIT_REMEDY = 'Give the path of a file, or "-" for standard output.';
const TOKENS_REMEDY = 'Give the path of the file that "jobraft tokens add" makes: { tokens: tokens.json }.';
const ACCESS_REMEDY =
  'Without certificates every program that reaches the address can call as a node, and tokens protect nothing. Make certificates with "jobraft certs", and name them under "tls".';
const ACCESS = groupOf({ tokens: z.string({ error: TOKENS_REMEDY }).min(1, { error: TOKENS_REMEDY }) }, TOKENS_REMEDY);
const METRICS_REMEDY =
  'Metrics are served by plain HTTP, without certificates: only an address of this machine is accepted, 127.0.0.1, [::1] or localhost. Where every program that reaches the address may read them, set "insecure" to true (JOBRAFT_INSECURE=true); without "tls" the nodes then accept such addresses, too.';
export const CLUSTER_NAME = z.custom<string>((value) => typeof value === 'string' && /^[A-Za-z0-9._-]{1,100}$/.test(value), {
  error: 'Give a name of letters, digits, dots, dashes and underscores, 100 at most; the same for all nodes.',
});
const ID = z.custom<number>((value) => Number.isSafeInteger(value) && Number(value) >= 1, { error: 'Give a whole number from 1 on.' });
const NODES_REMEDY = `Give a list of 1 to ${NODES_MAX} nodes, each with an id and an address of its own: [{ id: 1, address: 127.0.0.1:7101 }].`;
const NODES = z
  .array(groupOf({ id: ID, address: ADDRESS }, NODES_REMEDY), { error: NODES_REMEDY })
  .min(1, { error: NODES_REMEDY })
  .max(NODES_MAX, { error: NODES_REMEDY })
  .refine((nodes) => new Set(nodes.map(({ id }) => id)).size === nodes.length, { error: NODES_REMEDY })
  .refine((nodes) => new Set(nodes.map(({ address }) => address)).size === nodes.length, { error: NODES_REMEDY });

const HOLDER_GRACE_MS = numberSchema({
  description: "how long after the end of a client's process its leases are released; 0 for not before they end by themselves",
  ...{ unit: 'milliseconds', min: 0, max: 86_400_000, default: 30_000 },
});

const CLIENT_BOUNDS = {
  clientConnectionsMax: numberSchema({
    ...{ description: 'connections of one client', unit: 'connections', min: 1, max: 10_000, default: 1_000 },
  }),
  clientCallsMax: numberSchema({
    ...{ description: 'calls of one client in progress, streams included', unit: 'calls', min: 1, max: 1_000_000, default: 5_000 },
  }),
  clientRequestsPerSecondMax: numberSchema({
    ...{ description: 'operations of one client in a second; 0 for any number', unit: 'operations', min: 0, max: 10_000_000, default: 0 },
  }),
};

export const nodeSchema = groupOf({
  id: ID,
  cluster: CLUSTER_NAME,
  nodes: NODES,
  dataDir: CLUSTER_SHAPE.dataDir,
  insecure: INSECURE,
  tls: TLS.optional(),
  access: ACCESS.optional(),
  durability: CLUSTER_SHAPE.durability,
  holderGraceMs: HOLDER_GRACE_MS,
  ...CLIENT_BOUNDS,
  raft: CLUSTER_SHAPE.raft,
  limits: CLUSTER_SHAPE.limits,
  logs: CLUSTER_SHAPE.logs,
  encryption: CLUSTER_SHAPE.encryption,
  audit: z.string({ error: AUDIT_REMEDY }).min(1, { error: AUDIT_REMEDY }).optional(),
  metrics: ADDRESS.optional(),
  join: z.boolean({ error: 'Give true or false.' }).default(false),
})
  .refine(({ id, nodes }) => nodes.some((node) => node.id === id), {
    path: ['id'],
    error: 'Give an id that "nodes" lists, with the address of this node.',
  })
  .superRefine(({ nodes, metrics, insecure, tls, access }, context) => {
    if (access !== undefined && tls === undefined) context.addIssue({ code: 'custom', path: ['access', 'tokens'], message: ACCESS_REMEDY });
    if (!insecure && metrics !== undefined && !isLoopback(metrics))
      context.addIssue({ code: 'custom', path: ['metrics'], message: METRICS_REMEDY });
    if (insecure || tls !== undefined) return;
    for (const [at, { address }] of nodes.entries())
      if (!isLoopback(address)) context.addIssue({ code: 'custom', path: ['nodes', at, 'address'], message: INSECURE_REMEDY });
  });

/** Groups that are not there have no key. */
export const nodeConfigOf = ({ logs, tls, access, audit, metrics, encryption, ...rest }: z.output<typeof nodeSchema>): NodeConfig => ({
  ...rest,
  ...(logs === undefined ? {} : { logs }),
  ...(tls === undefined ? {} : { tls }),
  ...(access === undefined ? {} : { access }),
  ...(audit === undefined ? {} : { audit }),
  ...(metrics === undefined ? {} : { metrics }),
  ...(encryption === undefined ? {} : { encryption }),
});

/** What a program gives; settings that are left out have their defaults. */
export interface NodeOptions extends Pick<NodeConfig, 'id' | 'cluster' | 'nodes' | 'dataDir'> {
  /** Accepts addresses beyond this machine: every program that reaches them can read and change all jobs. Default: false. */
  readonly insecure?: boolean;
  /** Paths of PEM files: then all channels use mutual TLS. Default: none. */
  readonly tls?: TlsPaths;
  /** The file that `jobraft tokens` makes: then clients need a token beside their certificate. Default: none. */
  readonly access?: { readonly tokens: string };
  readonly durability?: NodeConfig['durability'];
  /** How long after the end of a client's process its leases are released; 0: not before they end by themselves. Default: 30,000 ms. */
  readonly holderGraceMs?: number;
  /** Bounds of each client, by its token, its certificate or its address. Defaults: 1,000 connections, 5,000 calls in progress, any number of operations. */
  readonly clientConnectionsMax?: number;
  readonly clientCallsMax?: number;
  readonly clientRequestsPerSecondMax?: number;
  readonly raft?: Partial<RaftConfig>;
  readonly limits?: Partial<ClusterLimits>;
  readonly logs?: { readonly dir: string; readonly level?: (typeof LOG_LEVELS)[number] };
  /** Encryption at rest: a file of keys. Default: the files are not encrypted. */
  readonly encryption?: EncryptionOptions;
  /** The file of administrative commands; `-` is standard output. Default: none. */
  readonly audit?: string;
  /** `host:port` for `/metrics`, `/healthz` and `/readyz` by HTTP. Default: none. */
  readonly metrics?: string;
  readonly join?: boolean;
}

const HOST_AND_PORT = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/;

function isAddress(text: string): boolean {
  const port = Number(HOST_AND_PORT.exec(text)?.[2]);
  return port >= 1 && port <= 65_535;
}

/** @param text `host:port` */
export function isLoopback(text: string): boolean {
  const host = HOST_AND_PORT.exec(text)?.[1] ?? '';
  return host === 'localhost' || host === '[::1]' || /^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(host);
}
