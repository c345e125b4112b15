import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { asDiskId, asNodeId, asTerm, type DiskId, nextIndex } from '../base/ids.ts';
import { parseSettings } from '../cluster/cluster-arguments.ts';
import { type NodeOptions, nodeSchema } from '../config/node-config.ts';
import { readKeys } from '../encryption/read-keys.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { encodeConfiguration } from '../raft/configuration-codec.ts';
import { ConfigurationLog } from '../raft/configuration-log.ts';
import { configurationOf, entryId } from '../raft/entry.ts';
import { isVotersDisk } from '../raft/membership.ts';
import type { PersistedState } from '../storage/port.ts';
import { type AssignableStorage, openSqliteStorage } from '../storage/sqlite-storage.ts';
import type { FormedCluster } from './formation.ts';
import { NODE_FILE, NodeIdentity } from './node-identity.ts';
import { FILE } from './node-server.ts';

const ID_MAX = 2 ** 47;

/** What a node's folder holds, of a cluster that has lost its majority for good. */
export interface NewClusterPlan {
  readonly node: number;
  readonly dataDir: string;
  /** The id of the cluster that is given up. */
  readonly cluster: number;
  /** Its voters, as far as this node knows. */
  readonly voters: readonly number[];
  /** Whether this node votes with its present file; if not, it may lack any part of what was acknowledged. */
  readonly isVoter: boolean;
  /** The last entry of its log. Among several survivors choose the one with the highest term, then with the highest index. */
  readonly last: { readonly index: number; readonly term: number };
}

/**
 * A node's folder, which is to become a new cluster with this node as the only voter, after a permanent loss of the majority. Nothing is changed
 * before `form`. No node of the old cluster can join the new one with its folder, or vote in it: that has another id, and this node another disk.
 */
export class ForcedCluster implements Disposable {
  readonly plan: NewClusterPlan;
  readonly #identity: NodeIdentity;
  readonly #storage: AssignableStorage;
  readonly #state: PersistedState;

  private constructor(plan: NewClusterPlan, identity: NodeIdentity, storage: AssignableStorage, state: PersistedState) {
    this.plan = plan;
    this.#identity = identity;
    this.#storage = storage;
    this.#state = state;
  }

  /**
   * The folder stays locked until it is disposed.
   * @param options those with which the node ran. @throws {ConfigError} for a folder without a node, or of a node that needs no other one.
   * @throws {StorageError} as when the node runs (STORAGE_IN_USE).
   */
  static open(options: NodeOptions): ForcedCluster {
    const { id, cluster, dataDir, encryption } = parseSettings(nodeSchema, options, 'options');
    const file = join(dataDir, FILE);
    if (![join(dataDir, NODE_FILE), file].every((path) => existsSync(path)))
      throw new ConfigError('dataDir', dataDir, 'It is not the folder of a node that has run. Name the folder of a surviving node.');
    const keys = readKeys(encryption);
    const identity = NodeIdentity.open(dataDir, cluster, id);
    let storage: AssignableStorage | undefined;
    try {
      const { formed } = identity;
      if (formed === undefined) throw new ConfigError('dataDir', dataDir, 'Its node has no cluster yet. Start it with the others.');
      const entryKind = RECORD_KINDS[RecordKind.entry];
      storage = openSqliteStorage({
        file,
        keys,
        recordKinds: RECORD_KINDS,
        entryKind,
        durability: 'full',
        newDiskId: identity.newDiskId,
      });
      const state = storage.load();
      // Otherwise an earlier attempt was interrupted, which has changed the disk.
      const isFirst = storage.identity.origin.cluster === formed.cluster;
      const disk = isFirst ? state.disk : asDiskId(identity.disk);
      return new ForcedCluster(planOf({ node: id, dataDir, formed, state, disk, isFirst }), identity, storage, state);
    } catch (error) {
      storage?.closeWithoutCheckpoint();
      identity[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Forms the new cluster; the node is then started as usual. What is in its log becomes part of it, also entries that were never acknowledged. If
   * it is interrupted, the node does not start (STORAGE_FOREIGN) before it is repeated.
   * @returns the id of the new cluster. @throws {StorageError}
   */
  form(): number {
    const { node } = this.plan;
    const disk = asDiskId(randomInt(1, ID_MAX));
    const cluster = randomInt(1, ID_MAX);
    const founders = [{ node, disk }];
    const { hardState, entries, compacted } = this.#state;
    const term = asTerm(hardState.term + 1);
    const from = nextIndex(entries.at(-1)?.index ?? compacted.index);
    const configuration = configurationOf({ voters: [asNodeId(node)], disks: [{ node: asNodeId(node), disk }] });
    // First: with its old id the file must never have the new configuration, by which the node would elect itself.
    this.#storage.assign(disk, { cluster, founders });
    this.#storage.persist({
      hardState: { term, votedFor: undefined },
      append: { from, entries: [{ index: from, term, kind: 'configuration', data: encodeConfiguration(configuration) }] },
    });
    this.#identity.onForced(disk, { cluster, founders });
    return cluster;
  }

  [Symbol.dispose](): void {
    this.#storage[Symbol.dispose]();
    this.#identity[Symbol.dispose]();
  }
}

interface FolderState {
  readonly node: number;
  readonly dataDir: string;
  readonly formed: FormedCluster;
  readonly state: PersistedState;
  /** With which the node was a voter. */
  readonly disk: DiskId;
  readonly isFirst: boolean;
}

/** @throws {ConfigError} when the node needs no other one, or has nothing. */
function planOf({ node, dataDir, formed: { cluster, founders }, state, disk, isFirst }: FolderState): NewClusterPlan {
  const own = asNodeId(node);
  const { checkpoint, entries, compacted } = state;
  const founded = configurationOf({
    voters: founders.map((founder) => asNodeId(founder.node)),
    disks: founders.map((founder) => ({ node: asNodeId(founder.node), disk: asDiskId(founder.disk) })),
  });
  const base = checkpoint ?? { index: compacted.index, configuration: founded };
  const { configuration } = new ConfigurationLog(base, entries).latest;
  const last = entries.at(-1);
  const { index, term } = last === undefined ? compacted : entryId(last);
  const isVoter = configuration.voters.includes(own) && isVotersDisk(configuration, own, disk);
  if (index === 0) throw new ConfigError('dataDir', dataDir, 'Its node has received nothing yet. Name the folder of another survivor.');
  if (isFirst && isVoter && configuration.voters.length === 1 && configuration.outgoing.length === 0)
    throw new ConfigError('dataDir', dataDir, `Node ${node} is the only voter of its cluster already. Start it.`);
  return { node, dataDir, cluster, voters: configuration.voters, isVoter, last: { index, term } };
}
