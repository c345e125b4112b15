import { createHash } from 'node:crypto';

/** Ids of clusters and disks are below this. */
const ID_BYTES = 6;

/** A voter that the cluster was formed with, and its disk. */
export interface Founder {
  readonly node: number;
  readonly disk: number;
}

/** A cluster that was formed: every node's file belongs to it. */
export interface FormedCluster {
  readonly cluster: number;
  readonly founders: readonly Founder[];
}

/** What a node says of itself before any other call. */
export interface Introduction {
  readonly protocol: number;
  readonly clusterName: string;
  readonly node: number;
  /** It is on disk before it is said. */
  readonly disk: number;
  /** The nodes of its configuration; in one that has a cluster, its members as far as it knows. */
  readonly nodes: readonly number[];
  /** Undefined in a node whose folder is new. */
  readonly formed: FormedCluster | undefined;
}

export type Formation =
  /** @property missing nodes without which it cannot be decided. @property reason why one of them does not count, if one replied. */
  | { readonly type: 'waiting'; readonly missing: readonly number[]; readonly reason: string | undefined }
  | { readonly type: 'formed'; readonly cluster: FormedCluster }
  | { readonly type: 'rejected'; readonly reason: string };

/**
 * To which cluster a node with a new folder belongs. If any other node knows the cluster, to that one: this node's folder is new because its
 * disk was lost. The disks of the founders are part of the cluster, so a lost one cannot vote.
 *
 * Otherwise the cluster is formed now, which needs all nodes: one that is not asked may have acknowledged entries with others whose disks were
 * lost since. All of them compute the same cluster from what all of them said. If one ends before it has recorded that, it says the same disk
 * again, and learns the cluster from the others. A node belongs to one cluster ever, so if two nodes receive different disks from a third one whose
 * folder is replaced meanwhile, at most one of the clusters that they compute gets a majority.
 * @param replies what the other nodes of the configuration replied, by the id under which they were called.
 */
export function formationOf(own: Introduction, replies: ReadonlyMap<number, Introduction>): Formation {
  const reasons: string[] = [];
  const fitting = new Map<number, Introduction>();
  for (const [node, other] of replies) {
    const reason = mismatch(own, node, other);
    if (reason === undefined) fitting.set(node, other);
    // A node that is in use is right about its cluster; with a new one either side may be.
    else if (other.formed !== undefined) return { type: 'rejected', reason };
    else reasons.push(reason);
  }
  const [first, ...others] = [...fitting.values()].flatMap(({ node, formed }) => (formed === undefined ? [] : [{ node, formed }]));
  if (first !== undefined) {
    const other = others.find(({ formed }) => formed.cluster !== first.formed.cluster);
    if (other === undefined) return { type: 'formed', cluster: first.formed };
    const reason = `Node ${first.node} belongs to cluster ${first.formed.cluster}, node ${other.node} to cluster ${other.formed.cluster}: their folders were made apart. Empty the folder of the one that has no jobs.`;
    return { type: 'rejected', reason };
  }
  const missing = own.nodes.filter((node) => node !== own.node && !fitting.has(node));
  if (missing.length > 0) return { type: 'waiting', missing, reason: reasons[0] };
  const founders = own.nodes
    .toSorted((one, other) => one - other)
    .map((node): Founder => ({ node, disk: node === own.node ? own.disk : (fitting.get(node)?.disk ?? 0) }));
  return { type: 'formed', cluster: { cluster: clusterIdOf(own.clusterName, founders), founders } };
}

/** Why what was called as `node` is no node of the same cluster, with a place for this one; undefined if it is one. */
function mismatch(own: Introduction, node: number, other: Introduction): string | undefined {
  const reason = foreignness(own, node, other);
  if (reason !== undefined) return reason;
  if (other.formed !== undefined && !other.nodes.includes(own.node))
    return `Node ${node} has a cluster already, with the members ${listed(other.nodes)}. Add this node to it with "jobraft serve --join", or correct the addresses in "nodes".`;
  if (other.formed === undefined && !isSame(other.nodes, own.nodes))
    return `Node ${node} has the nodes ${listed(other.nodes)}, this node ${listed(own.nodes)}. Give all nodes the same list "nodes".`;
  return undefined;
}

/** Why what was called as `node` is not that node of a cluster of this name; undefined if it is. */
export function foreignness(
  own: Pick<Introduction, 'protocol' | 'clusterName'>,
  node: number,
  other: Pick<Introduction, 'protocol' | 'clusterName' | 'node'>,
): string | undefined {
  if (other.protocol !== own.protocol)
    return `Node ${node} speaks version ${other.protocol} of the protocol, this node version ${own.protocol}. Use the same release of jobraft on all nodes.`;
  if (other.clusterName !== own.clusterName)
    return `Node ${node} belongs to the cluster "${other.clusterName}", this node to "${own.clusterName}". Correct "cluster", or the addresses in "nodes".`;
  if (other.node !== node) return `At the address of node ${node} is node ${other.node}. Correct the addresses in "nodes".`;
  return undefined;
}

const listed = (nodes: readonly number[]): string => nodes.toSorted((one, other) => one - other).join(', ');
const isSame = (nodes: readonly number[], others: readonly number[]): boolean => listed(nodes) === listed(others);

/** The same for the same founders and disks, and practically never for others. */
function clusterIdOf(name: string, founders: readonly Founder[]): number {
  const text = JSON.stringify([name, founders.map(({ node, disk }) => [node, disk])]);
  return 1 + createHash('sha256').update(text).digest().readUIntBE(0, ID_BYTES);
}
