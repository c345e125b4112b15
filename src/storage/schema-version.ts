/**
 * The version of the stored format. Raise it with every change of a table or a row, and write the step in `migration.ts`.
 * - 1: the first one
 * - 2: all rows of the table `meta` exist from the start, including the identity; the log has an end row; the checkpoint's configuration
 *   has joining, leaving and disks
 * - 3: the identity also has the file's cluster, its founders, and the file's generation; configurations may have generations of disks; the
 *   identity may end with a mark of an open file
 */
export const SCHEMA_VERSION = 3;
