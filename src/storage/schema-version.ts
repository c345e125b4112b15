/**
 * The version of the stored format. Raise it with every change of a table or a row, and write the step in `migration.ts`.
 * - 1: the first one
 * - 2: all rows of the table `meta` exist from the start, including the identity; the log has an end row; the checkpoint's configuration
 *   has joining, leaving and disks
 * - 3: the identity also has the file's cluster, its founders, and the file's generation; configurations may have generations of disks; the
 *   identity may end with a mark of an open file
 * - 4: version 3 with encrypted values. Only such a file has this version, so that an earlier release rejects it and does not call it damaged
 */
export const SCHEMA_VERSION = 3;
export const ENCRYPTED_SCHEMA_VERSION = 4;

/** @param identity of a file that this release writes. */
export const versionFor = ({ encryptionKey }: { readonly encryptionKey?: string | undefined }): number =>
  encryptionKey === undefined ? SCHEMA_VERSION : ENCRYPTED_SCHEMA_VERSION;
