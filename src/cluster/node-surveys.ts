import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { StorageError } from '../storage/errors.ts';
import { type FileSurvey, surveyFile } from '../storage/file-survey.ts';
import { nodeFile } from './node-file.ts';

/** The state of a node's file. */
export type NodeSurvey = { readonly node: number; readonly file: string } & (
  | { readonly state: 'none' }
  /** Any error: the node that opens the file reports it. */
  | { readonly state: 'unreadable'; readonly error: StorageError }
  | { readonly state: 'read'; readonly found: FileSurvey }
);

/** A file that was read. */
export type ReadSurvey = Extract<NodeSurvey, { state: 'read' }>;

/** Reads the nodes' files without changing them. No node may have one open. */
export const surveyNodes = (dataDir: string, nodes: readonly number[], keys?: EncryptionKeys): readonly NodeSurvey[] =>
  nodes.map((node) => surveyNode(node, nodeFile(dataDir, node), keys));

function surveyNode(node: number, file: string, keys: EncryptionKeys | undefined): NodeSurvey {
  try {
    const found = surveyFile(file, keys);
    return found === undefined ? { node, file, state: 'none' } : { node, file, state: 'read', found };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { node, file, state: 'unreadable', error };
  }
}

export const readSurveys = (surveys: readonly NodeSurvey[]): readonly ReadSurvey[] =>
  surveys.filter((survey): survey is ReadSurvey => survey.state === 'read');
