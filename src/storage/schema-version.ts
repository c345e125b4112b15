/**
 * The version of the stored format. Raise it with every change of a table or a row, and write the step in `migration.ts`.
 * - 1: the first one
 * - 2: all rows of the table `meta` exist from the start, including the identity; the log has an end row; the checkpoint's configuration
 *   has joining, leaving and disks
 * - 3: the identity also has the file's cluster, its founders, and the file's generation; configurations may have generations of disks; the
 *   identity may end with a mark of an open file
 * - 4: version 3 with encrypted values. Only such a file has this version, so that an earlier release rejects it and does not call it damaged
 * - 5 and 6: versions 3 and 4 whose rows may refer to segments. A file has one of them from its first large entry on
 */
export const SCHEMA_VERSION = 3;
const ENCRYPTED = 1;
const SEGMENTS = 2;
export const LATEST_SCHEMA_VERSION = SCHEMA_VERSION + ENCRYPTED + SEGMENTS;

/** What a file has beyond version 3. */
export interface SchemaParts {
  readonly encryptionKey?: string | undefined;
  readonly hasSegments?: boolean | undefined;
}

/** @param identity of a file that this release writes. */
export const versionFor = ({ encryptionKey, hasSegments = false }: SchemaParts): number =>
  SCHEMA_VERSION + (encryptionKey === undefined ? 0 : ENCRYPTED) + (hasSegments ? SEGMENTS : 0);

/** @param version from 3 on. */
export const isEncryptedVersion = (version: number): boolean => version >= SCHEMA_VERSION && ((version - SCHEMA_VERSION) & ENCRYPTED) !== 0;
export const isSegmentVersion = (version: number): boolean => version >= SCHEMA_VERSION && ((version - SCHEMA_VERSION) & SEGMENTS) !== 0;
