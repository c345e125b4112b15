import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option } from 'commander';
import { JobraftError } from '../base/errors.ts';
import { nodesOfFolder } from '../cluster/shared/folder-nodes.ts';
import { ENCRYPTION, misspeltVariables } from '../config/variables.ts';
import { Client, type ClusterEndpoint, openCluster, type SharedCluster } from '../index.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import type { TokenSource } from '../security/token-source.ts';
import type { Invocation } from './command.ts';
import { UsageError } from './exit-codes.ts';
import { unlessInterrupted } from './interruption.ts';
import type { Output } from './output.ts';
import { wholeNumber } from './values.ts';

const NODES_DEFAULT = 3;

/** The options by which a command names its cluster. */
export interface ConnectionOptions {
  readonly dataDir?: string;
  readonly endpoints?: readonly string[];
  readonly insecure?: boolean;
  readonly tlsCa?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly encryptionKeys?: string;
  readonly tokenFile?: string;
  readonly nodes?: number;
  readonly durability: 'full' | 'off';
}

/** For the `options` of a command that opens files of nodes. */
export const encryptionKeysOption = (): Option =>
  new Option(
    '--encryption-keys <file>',
    'keys of an encrypted folder, such as "jobraft keys new" makes; or set JOBRAFT_ENCRYPTION_KEY',
  ).env(ENCRYPTION.keys);

/** The keys that a command line names: a key itself is never among its words, which other users of the machine can read. */
export function encryptionOf({ encryptionKeys: keys }: { readonly encryptionKeys?: string }) {
  const key = process.env[ENCRYPTION.key];
  return keys === undefined && key === undefined ? {} : { encryption: { keys, key } };
}

/** For the `options` of a command that uses a cluster. */
export const connectionOptions = (): Option[] => [
  new Option('--data-dir <folder>', "the cluster's folder").env('JOBRAFT_DATA_DIR'),
  new Option('--endpoints <list>', 'addresses of nodes that are processes, such as 127.0.0.1:7101,127.0.0.1:7102')
    .env('JOBRAFT_ENDPOINTS')
    .argParser((list) => list.split(',').map((address) => address.trim())),
  new Option('--insecure', 'allows endpoints beyond this machine, without certificates; or set JOBRAFT_INSECURE=true'),
  new Option('--tls-ca <file>', "authority of the nodes' certificates").env('JOBRAFT_TLS_CA'),
  new Option('--tls-certificate <file>', 'own certificate, such as "jobraft certs client" makes').env('JOBRAFT_TLS_CERTIFICATE'),
  new Option('--tls-key <file>', 'its key').env('JOBRAFT_TLS_KEY'),
  encryptionKeysOption(),
  new Option('--token-file <file>', 'a token that "jobraft tokens add" printed; or set JOBRAFT_TOKEN to the token').env(
    'JOBRAFT_TOKEN_FILE',
  ),
  new Option('--nodes <count>', `number of nodes (default: those of the folder; ${NODES_DEFAULT} for a new cluster)`).argParser(
    wholeNumber(1),
  ),
  new Option('--durability <mode>', 'as the other processes of the cluster have it').choices(['full', 'off']).default('full'),
];

/** What commands use of a cluster, however it is reached. */
export type CliCluster = ClusterEndpoint &
  Pick<SharedCluster, 'backup' | 'isRunning' | 'log' | 'members' | 'removeNode' | 'status' | 'transferLeadership' | 'waitForLeader'> & {
    /** Only of nodes that are processes: see `RemoteCluster`. */
    readonly misconnected?: readonly string[];
    readonly silent?: readonly string[];
  };

export interface Connection {
  readonly cluster: CliCluster;
  readonly client: Client;
  /** @param address of a node that is a process. */
  addMember(node: number, address: string | undefined): Promise<void>;
  /** The process that hosts the nodes, whose id is undefined while another one takes over; or undefined if each node is a process. */
  readonly host: { readonly pid: number | undefined; readonly isThisCommand: boolean } | undefined;
}

export interface ConnectionNeeds {
  /** Starts a new cluster in a folder that has none. Default: such a folder is rejected. */
  readonly mayCreate?: boolean;
  /** The command ends by itself when its signal is aborted. Default: it is left, and what it waits for is rejected. */
  readonly endsBySignal?: boolean;
}

/** The folder has no cluster, and the command must not create one. */
class NoClusterError extends JobraftError {
  override readonly code = 'NO_CLUSTER';

  constructor(dataDir: string) {
    super(
      `The folder ${resolve(dataDir)} ${existsSync(dataDir) ? 'has no cluster' : 'does not exist'}, and this command creates none. ` +
        'Name the folder of a cluster with --data-dir; "jobraft add" and "jobraft work" start a new one.',
    );
  }
}

/**
 * Runs the part of a command that needs its cluster, which is left at the end.
 * @throws {UsageError | NoClusterError} and everything that `openCluster` throws. @throws {InterruptedError}
 */
export async function withCluster(
  { options, output, signal }: Pick<Invocation<readonly unknown[], ConnectionOptions>, 'options' | 'output' | 'signal'>,
  use: (connection: Connection) => Promise<void>,
  { mayCreate = false, endsBySignal = false }: ConnectionNeeds = {},
): Promise<void> {
  const opening = open(options, output, mayCreate);
  let opened: OpenConnection;
  try {
    opened = await unlessInterrupted(signal, opening);
  } catch (error) {
    // An interrupted one that is opened after all is left again; an error of it is the one that is thrown here.
    opening.then((late) => late.close(true)).catch(() => undefined);
    throw error;
  }
  try {
    const used = use(opened);
    await (endsBySignal ? used : unlessInterrupted(signal, used, true));
  } finally {
    await opened.close(signal.aborted);
  }
}

interface OpenConnection extends Connection {
  /** @param isInterrupted unanswered calls are rejected, instead of awaited. */
  close(isInterrupted: boolean): Promise<void>;
}

/** Each way to reach a cluster is one case here. */
async function open(options: ConnectionOptions, output: Output, mayCreate: boolean): Promise<OpenConnection> {
  const { dataDir = '', endpoints } = options;
  for (const { variable, meant } of misspeltVariables(process.env)) output.note(`There is no variable ${variable}. Did you mean ${meant}?`);
  if (dataDir !== '' && endpoints !== undefined)
    throw new UsageError(
      'Both a folder and endpoints are named. Give one of --data-dir (JOBRAFT_DATA_DIR) and --endpoints (JOBRAFT_ENDPOINTS).',
    );
  if (endpoints !== undefined) return await openEndpoints(endpoints, options);
  if (dataDir === '')
    throw new UsageError(
      'No cluster is named. Give its folder with --data-dir (JOBRAFT_DATA_DIR), or its nodes with --endpoints (JOBRAFT_ENDPOINTS).',
    );
  return await openFolder(dataDir, options, output, mayCreate);
}

/** @throws {UsageError} when only some are given. */
function tlsPathsOf({ tlsCa: ca, tlsCertificate: certificate, tlsKey: key }: ConnectionOptions): TlsPaths | undefined {
  if (ca === undefined && certificate === undefined && key === undefined) return undefined;
  if (ca !== undefined && certificate !== undefined && key !== undefined) return { ca, certificate, key };
  throw new UsageError(
    'TLS needs three files. Give all of --tls-ca (JOBRAFT_TLS_CA), --tls-certificate (JOBRAFT_TLS_CERTIFICATE) and --tls-key (JOBRAFT_TLS_KEY).',
  );
}

/** No secret is an argument, which other users of the machine can see. */
function tokenOf({ tokenFile: file }: ConnectionOptions): TokenSource | undefined {
  return file === undefined ? process.env.JOBRAFT_TOKEN : { file };
}

async function openEndpoints(endpoints: readonly string[], options: ConnectionOptions): Promise<OpenConnection> {
  // Loaded by the commands that need it: gRPC takes longer to load than all else.
  const { connect } = await import('../remote/index.ts');
  const insecure = options.insecure === true || process.env.JOBRAFT_INSECURE === 'true';
  const tls = tlsPathsOf(options);
  const token = tokenOf(options);
  const cluster = await connect({ endpoints, insecure, ...(tls === undefined ? {} : { tls }), ...(token === undefined ? {} : { token }) });
  const client = new Client(cluster);
  return {
    cluster,
    client,
    addMember: async (node, address) => {
      if (address === undefined) throw new UsageError('Give the address at which the node listens, such as 127.0.0.1:7104.');
      await cluster.addNode(node, address);
    },
    host: undefined,
    close: async (isInterrupted) => {
      if (!isInterrupted) await client.close();
      await cluster.close();
      await client.close();
    },
  };
}

async function openFolder(dataDir: string, options: ConnectionOptions, output: Output, mayCreate: boolean): Promise<OpenConnection> {
  const found = nodesOfFolder(dataDir);
  if (found === undefined && !mayCreate) throw new NoClusterError(dataDir);
  const cluster = await openCluster({
    dataDir,
    nodes: options.nodes ?? found ?? NODES_DEFAULT,
    durability: options.durability,
    ...encryptionOf(options),
    onNodeFailure: (node, error) => output.note(`Node ${node} stopped by itself. ${error.message}`),
    onRepair: ({ node, damage, movedTo }) =>
      output.note(`${damage.message} It was moved to ${movedTo}, and node ${node} is being rebuilt from its peers.`),
  });
  const client = new Client(cluster);
  return {
    cluster,
    client,
    addMember: async (node, address) => {
      if (address !== undefined) throw new UsageError('Nodes of a folder have no address. Leave it out, or name nodes with --endpoints.');
      await cluster.addNode(node);
    },
    host: { pid: cluster.hostPid, isThisCommand: cluster.isHost },
    close: async (isInterrupted) => {
      if (!isInterrupted) await client.close();
      await cluster.close();
      await client.close();
    },
  };
}
