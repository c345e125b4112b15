import { readFileSync, statSync } from 'node:fs';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { stringify } from 'yaml';
import { z } from 'zod';
import { groupOf, NODES_MAX } from './cluster-config.ts';
import { ConfigFileError } from './config-file-error.ts';
import { relationProblems, schemaProblems } from './config-problems.ts';
import { type NumberSetting, RAFT_SETTINGS } from './setting-table.ts';

/** The configuration of one node that is a process of its own, as the XML file of the original system described it. */
export interface ImportedNodeConfig {
  readonly id: number;
  readonly cluster: string;
  /** All nodes, this one included, by id; addresses are `host:port`. */
  readonly nodes: readonly { readonly id: number; readonly address: string }[];
  readonly dataDir: string;
  readonly raft: { readonly heartbeatMs: number; readonly electionTimeoutMs: number };
}

const FILE_BYTES_MAX = 1024 * 1024;
const ROOT = 'ClusterConfig';
const NANOSECONDS_PER_MS = 1_000_000;
const PORT_MAX = 65_535;

const textOf = (isValid: (text: string) => boolean, error: string) =>
  z.custom<string>((value) => typeof value === 'string' && isValid(value), { error });
const anId = textOf(
  (text) => /^[0-9]+$/.test(text) && Number(text) >= 1 && Number.isSafeInteger(Number(text)),
  'Give a whole number from 1 on.',
);
const anAddress = textOf(isAddress, 'Give a host and a port: 127.0.0.1:7101, or [::1]:7101 for IPv6.');

function isAddress(text: string): boolean {
  const port = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) <= PORT_MAX;
}

const msOf = (nanoseconds: string): number => Math.round(Number(nanoseconds) / NANOSECONDS_PER_MS);

function nanoseconds({ min, max }: Pick<NumberSetting, 'min' | 'max'>) {
  const isInRange = (text: string): boolean => /^[0-9]+$/.test(text) && msOf(text) >= min && msOf(text) <= max;
  return textOf(isInRange, `Give whole nanoseconds from ${min * NANOSECONDS_PER_MS} to ${max * NANOSECONDS_PER_MS}.`);
}

const PEERS_REMEDY = `Give up to ${NODES_MAX - 1} other nodes: <Peer><PeerID>2</PeerID><PeerAddress>127.0.0.1:7102</PeerAddress></Peer>.`;
const aPeer = groupOf({ PeerID: anId, PeerAddress: anAddress }, PEERS_REMEDY);
/** The elements in the file, as texts. */
const SCHEMA = groupOf({
  MyID: anId,
  ElectionTimeout: nanoseconds(RAFT_SETTINGS.electionTimeoutMs),
  HeartbeatTimeout: nanoseconds(RAFT_SETTINGS.heartbeatMs),
  CommitTimeout: nanoseconds({ min: 0, max: RAFT_SETTINGS.electionTimeoutMs.max }).optional(),
  ListenerAddress: anAddress,
  Peers: groupOf({ Peer: z.array(aPeer, { error: PEERS_REMEDY }).max(NODES_MAX, { error: PEERS_REMEDY }).default([]) }, PEERS_REMEDY),
});

/**
 * Reads the XML configuration of the original system: MyID, ElectionTimeout, HeartbeatTimeout and CommitTimeout in nanoseconds,
 * ListenerAddress, Peers with PeerID and PeerAddress. CommitTimeout has no counterpart.
 * @param cluster the name of the cluster, which the file does not have.
 * @throws {ConfigFileError} with every problem and its remedy.
 */
export function importXmlConfig(file: string, cluster: string): ImportedNodeConfig {
  const raw = parseXml(readXml(file), file);
  const parsed = SCHEMA.safeParse(raw);
  if (!parsed.success)
    throw ConfigFileError.of(
      file,
      schemaProblems(raw, parsed.error.issues, () => file),
    );
  const { MyID, ElectionTimeout, HeartbeatTimeout, ListenerAddress, Peers } = parsed.data;
  const raft = { heartbeatMs: msOf(HeartbeatTimeout), electionTimeoutMs: msOf(ElectionTimeout) };
  const problems = relationProblems({ raft }, () => file);
  if (problems.length > 0) throw ConfigFileError.of(file, problems);
  const id = Number(MyID);
  const peers = Peers.Peer.map(({ PeerID, PeerAddress }) => ({ id: Number(PeerID), address: PeerAddress }));
  // Some files list the node itself as well.
  const self = { id, address: ListenerAddress };
  const nodes = [self, ...peers.filter((peer) => peer.id !== id || peer.address !== ListenerAddress)];
  nodes.sort((one, other) => one.id - other.id);
  checkDistinct(nodes, file);
  return { id, cluster, nodes, dataDir: `data/node-${id}`, raft };
}

/** The same as YAML with comments. */
export function yamlOf(config: ImportedNodeConfig, file: string): string {
  const { id, cluster, nodes, dataDir, raft } = config;
  const part = (value: object): string => stringify(value).trimEnd();
  const lines = [
    `# One node of a cluster, imported from ${JSON.stringify(file)}. Settings that are not here have their defaults.`,
    part({ id }),
    '# The same name for all nodes: those of another cluster are rejected.',
    part({ cluster }),
    '# The same list for all nodes; this node listens at its own address.',
    part({ nodes }),
    part({ dataDir }),
    '# In milliseconds; the file had nanoseconds. CommitTimeout has no counterpart: a call has the deadline of its client (deadlineMs).',
    part({ raft }),
  ];
  return `${lines.join('\n')}\n`;
}

function readXml(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX)
      throw new ConfigFileError(`${file} has ${size} bytes. A configuration has ${FILE_BYTES_MAX} at most; name another file.`);
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof ConfigFileError) throw cause;
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new ConfigFileError(`${file} ${isMissing ? 'does not exist' : `cannot be read (${String(cause)})`}. Name an XML file.`, [], {
      cause,
    });
  }
}

/** The elements below the root, as texts. */
function parseXml(text: string, file: string): unknown {
  const checked = XMLValidator.validate(text);
  if (checked !== true) {
    const { line, msg } = checked.err;
    throw new ConfigFileError(`${file}:${line}: not valid XML (${msg.replace(/\.$/, '')}). Correct this line.`);
  }
  const parser = new XMLParser({
    parseTagValue: false,
    ignoreAttributes: true,
    processEntities: false,
    isArray: (name) => name === 'Peer',
  });
  const document: Record<string, unknown> = parser.parse(text);
  const root = document[ROOT];
  if (typeof root !== 'object' || root === null)
    throw new ConfigFileError(`${file} has no element <${ROOT}>. Name a configuration of the original system.`);
  // An element without content is a text.
  return 'Peers' in root && root.Peers === '' ? { ...root, Peers: {} } : root;
}

/** @throws {ConfigFileError} */
function checkDistinct(nodes: readonly { readonly id: number; readonly address: string }[], file: string): void {
  for (const [at, { id, address }] of nodes.entries()) {
    const same = nodes.slice(at + 1).find((other) => other.id === id || other.address === address);
    if (same === undefined) continue;
    throw new ConfigFileError(
      `${file}: node ${id} at ${address} and node ${same.id} at ${same.address} are two nodes. Give each node an id and an address of its own.`,
    );
  }
}
