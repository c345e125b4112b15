import { join } from 'node:path';
import { ANY_GENERATION, counterOf, type Generation } from '../base/generation.ts';
import { asDiskId, asNodeId, type NodeId } from '../base/ids.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { type Configuration, configurationOf, type VoterDisk } from '../raft/entry.ts';
import { distinct, voteResult } from '../raft/quorum.ts';
import { StorageError, type StorageErrorCode } from '../storage/errors.ts';
import type { ClusterOrigin } from '../storage/row-codec.ts';
import { latestMembers, mostAdvanced } from './lost-manifest.ts';
import { nodeFile, nodesWithFile } from './node-file.ts';
import { type NodeSurvey, type ReadSurvey, readSurveys, surveyNodes } from './node-surveys.ts';
import { putBack } from './rebuilds.ts';

/** The contents of `cluster.json`. */
export interface FolderRecord {
  readonly origin: ClusterOrigin;
  readonly nodes: readonly number[];
  /** The nodes whose file was created: a missing one was lost. */
  readonly made: readonly number[];
  readonly disks: readonly { readonly node: number; readonly disk: number; readonly generation: Generation }[];
}

/** A disk of a node, and the latest generation of it that any file has on record. */
export type DiskRecord = VoterDisk & { readonly generation: Generation };

/**
 * Compares the nodes' files with each other and with `cluster.json` before any node starts, which shows what one node cannot see in its own
 * file. It rejects only states that no election could resolve; a minority of files that are lost or older is left to the nodes, which are
 * rebuilt.
 * @param hasGenerations false where files have no generations.
 * @param keys of encrypted files.
 * @returns the generations that the files have on record of each other.
 * @throws {StorageError} STORAGE_FOREIGN for files of another node, and where only `cluster.json` is of another cluster; STORAGE_LOST and
 * STORAGE_ROLLED_BACK where no majority of the voters has its latest file. Nothing was changed then.
 */
export function checkFolder(dataDir: string, record: FolderRecord, hasGenerations: boolean, keys?: EncryptionKeys): readonly DiskRecord[] {
  const withFile = nodesWithFile(dataDir);
  const surveys = surveyNodes(dataDir, [...new Set([...record.nodes, ...withFile])], keys);
  checkClusterFile(dataDir, record, readSurveys(surveys));
  const ours = readSurveys(surveys).filter(({ found }) => found.origin.cluster === 0 || found.origin.cluster === record.origin.cluster);
  checkPlaces(record, ours);
  const recorded = hasGenerations ? latestOf(ours.flatMap(({ found }) => recordsIn(found.configuration))) : [];
  new VotersCheck({ dataDir, record, surveys, ours, recorded, hasGenerations }).run();
  return recorded;
}

/** Where the files agree with each other, `cluster.json` is the wrong one. */
function checkClusterFile(dataDir: string, { origin }: FolderRecord, files: readonly ReadSurvey[]): void {
  const [first] = files;
  if (first === undefined) return;
  const { cluster } = first.found.origin;
  if (cluster === 0 || cluster === origin.cluster || files.some(({ found }) => found.origin.cluster !== cluster)) return;
  const members = latestMembers(files);
  // Fewer do not suffice to rebuild it.
  if (members.filter((member) => files.some(({ node }) => node === member)).length * 2 <= members.length) return;
  const file = join(dataDir, 'cluster.json');
  throw rejected(
    'STORAGE_FOREIGN',
    `${file} is of another cluster than the nodes' files: its id is ${origin.cluster}, and that of ${files.map((each) => each.file).join(', ')} is ` +
      `${cluster}. Nothing was changed. Move ${file} away: it is rebuilt from the files. Or, if it is the nodes' folders that do not belong here, put ` +
      "this cluster's own back.",
  );
}

/** A disk belongs to one node, whichever folder contains its file. */
function checkPlaces({ origin, disks }: FolderRecord, files: readonly ReadSurvey[]): void {
  const known: readonly { readonly node: number; readonly disk: number }[] = [
    ...files.flatMap(({ found }) => [...(found.configuration?.disks ?? []), ...found.origin.founders]),
    ...origin.founders,
    ...disks,
  ];
  const misplaced = files.flatMap(({ node, file, found }) => {
    const owner = found.disk === 0 ? undefined : known.find(({ disk }) => disk === found.disk)?.node;
    return owner === undefined || owner === node ? [] : [`${file} is node ${owner}'s file, and not node ${node}'s`];
  });
  if (misplaced.length === 0) return;
  throw rejected(
    'STORAGE_FOREIGN',
    `${misplaced.join('; ')}. Nothing was changed. Put each folder back to its own place; where a node's own folder is lost, move the other one ` +
      'away: while the other nodes are a majority, it is rebuilt from them.',
  );
}

interface VotersCheckParts {
  readonly dataDir: string;
  readonly record: FolderRecord;
  readonly surveys: readonly NodeSurvey[];
  /** Those of this cluster. */
  readonly ours: readonly ReadSurvey[];
  /** The generations that the files have on record. */
  readonly recorded: readonly DiskRecord[];
  readonly hasGenerations: boolean;
}

/**
 * Checks whether some node could be elected: by its own configuration a majority of the voters has the disk that it votes with, in a state
 * that is not older than the recorded one. A file that was not read counts as valid: the node that opens it checks it.
 */
class VotersCheck {
  readonly #parts: VotersCheckParts;
  readonly #surveys: ReadonlyMap<number, NodeSurvey>;
  readonly #founders: Configuration;

  constructor(parts: VotersCheckParts) {
    this.#parts = parts;
    this.#surveys = new Map(parts.surveys.map((survey) => [survey.node, survey]));
    const { founders } = parts.record.origin;
    const voters = founders.map(({ node }) => asNodeId(node));
    this.#founders = configurationOf({ voters, disks: founders.map(({ node, disk }) => ({ node: asNodeId(node), disk: asDiskId(disk) })) });
  }

  /** @throws {StorageError} */
  run(): void {
    const { surveys, ours } = this.#parts;
    if (surveys.some((survey) => this.#isElectable(survey))) return;
    const configuration = ours.length === 0 ? this.#founders : this.#configurationOf(mostAdvanced(ours));
    const voters = distinct([...configuration.voters, ...configuration.outgoing]);
    const isAnyOlder = voters.some((node) => this.#isOlder(node));
    throw isAnyOlder ? this.#rolledBack(configuration, voters) : this.#lost(configuration, voters);
  }

  #isElectable(survey: NodeSurvey): boolean {
    if (this.#isUnknown(survey)) return true;
    const configuration = survey.state === 'read' ? this.#configurationOf(survey) : this.#founders;
    const isVoter = configuration.voters.includes(asNodeId(survey.node)) || configuration.outgoing.includes(asNodeId(survey.node));
    if (!isVoter || this.#problemOf(configuration, asNodeId(survey.node)) !== undefined) return false;
    return voteResult(configuration, (node) => this.#problemOf(configuration, node) === undefined) === 'won';
  }

  #configurationOf({ found }: ReadSurvey): Configuration {
    return found.configuration ?? this.#founders;
  }

  /** The node that opens the file reports what is wrong with it. */
  #isUnknown(survey: NodeSurvey): boolean {
    return survey.state === 'unreadable' || (survey.state === 'read' && !this.#parts.ours.includes(survey));
  }

  /** Why the voter does not count; undefined when it counts, or may count. */
  #problemOf(configuration: Configuration, node: NodeId): string | undefined {
    const survey = this.#surveys.get(node);
    const expected = diskOf(configuration, node);
    if (survey !== undefined && this.#isUnknown(survey)) return undefined;
    if (survey?.state !== 'read') {
      // A file that was never created is created with the disk that the founders have on record.
      if (survey !== undefined && !this.#parts.record.made.includes(node) && expected === diskOf(this.#founders, node)) return undefined;
      return `the file of node ${node} is missing or empty, ${nodeFile(this.#parts.dataDir, node)}`;
    }
    if (expected !== 0 && survey.found.disk !== 0 && expected !== survey.found.disk)
      return `${survey.file} of node ${node} is another disk than the one that it votes with, as after a rebuild that did not end`;
    if (!this.#isOlder(node)) return undefined;
    return `${survey.file} of node ${node} was restored from an older copy, as the records of its generation show`;
  }

  #isOlder(node: number): boolean {
    return this.#isOlderThan(node, [...this.#parts.recorded, ...this.#parts.record.disks]);
  }

  #isOlderThan(node: number, records: readonly { readonly disk: number; readonly generation: Generation }[]): boolean {
    const survey = this.#surveys.get(node);
    if (!this.#parts.hasGenerations || survey?.state !== 'read' || survey.found.disk === 0) return false;
    const { disk, origin } = survey.found;
    return records.some((known) => known.disk === disk && counterOf(known.generation) > counterOf(origin.generation));
  }

  #rolledBack(configuration: Configuration, voters: readonly NodeId[]): StorageError {
    const { ours, recorded, dataDir } = this.#parts;
    const sentences = [
      `No majority of the voters ${voters.join(', ')} has its latest file: ${this.#problems(configuration, voters)}. What these nodes acknowledged ` +
        'since then is not in them. Nothing was changed: put the latest file back for each of them.',
    ];
    const isOneBackup = ours.every(({ node }) => this.#isOlder(node) && !this.#isOlderThan(node, recorded));
    if (isOneBackup)
      sentences.push(
        `If all nodes' files are of one backup and later ones exist nowhere, move ${join(dataDir, 'cluster.json')} away: the cluster starts with ` +
          'what the backup holds.',
      );
    return rejected('STORAGE_ROLLED_BACK', sentences.join(' '));
  }

  #lost(configuration: Configuration, voters: readonly NodeId[]): StorageError {
    const { dataDir } = this.#parts;
    const commands = voters.flatMap((node) =>
      this.#problemOf(configuration, node) === undefined ? [] : putBack(nodeFile(dataDir, node), node),
    );
    return rejected(
      'STORAGE_LOST',
      `No majority of the voters ${voters.join(', ')} has its file: ${this.#problems(configuration, voters)}. What the cluster acknowledged is in ` +
        'them, so no other files are made in their place. Nothing was changed: put the latest ones back' +
        (commands.length === 0 ? '. ' : `; those that were moved aside for a rebuild with: ${commands.join('; ')}. `) +
        'Or name another dataDir for a new cluster.',
    );
  }

  #problems(configuration: Configuration, voters: readonly NodeId[]): string {
    return voters.flatMap((node) => this.#problemOf(configuration, node) ?? []).join('; ');
  }
}

/** The disk that a voter votes with; zero for any. */
const diskOf = ({ disks }: Configuration, node: NodeId): number => disks.find((known) => known.node === node)?.disk ?? 0;

const recordsIn = (configuration: Configuration | undefined): DiskRecord[] =>
  (configuration?.disks ?? []).flatMap(({ node, disk, generation }) => (generation === undefined ? [] : [{ node, disk, generation }]));

/** The latest generation of each disk. */
function latestOf(records: readonly DiskRecord[]): readonly DiskRecord[] {
  const latest = new Map<number, DiskRecord>();
  for (const record of records) {
    const before = latest.get(record.disk)?.generation ?? ANY_GENERATION;
    if (counterOf(record.generation) > counterOf(before)) latest.set(record.disk, record);
  }
  return [...latest.values()];
}

const rejected = (code: StorageErrorCode, message: string): StorageError => new StorageError(code, message, { outcome: 'not-applied' });
