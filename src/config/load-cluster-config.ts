import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterConfig, ClusterConfigOverrides } from './cluster-config.ts';
import { clusterSchema } from './cluster-config.ts';
import { parseConfig, readConfigFile } from './config-document.ts';
import { ConfigFileError } from './config-file-error.ts';
import { nameOf } from './config-problems.ts';
import { flagOf } from './flag-names.ts';

/** The package's file: every setting with its default. */
export function defaultClusterConfigFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  // The same code runs from src/config under the test runner and from dist/src/config in the package.
  while (!existsSync(join(folder, 'config', 'cluster.yaml'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new ConfigFileError('The package has no config/cluster.yaml. Install it again, or name another file.');
    folder = parent;
  }
  return join(folder, 'config', 'cluster.yaml');
}

/**
 * Reads a cluster's configuration and applies `overrides` to it. Other settings have their default.
 * @throws {ConfigFileError} with every problem, its place (file:line or flag), value and remedy.
 */
export function loadClusterConfig(file: string = defaultClusterConfigFile(), overrides: ClusterConfigOverrides = {}): ClusterConfig {
  return parseClusterConfig(readConfigFile(file, 'config/cluster.yaml'), overrides, file);
}

/** The same for a given text. `file` is its name in messages. */
export function parseClusterConfig(text: string, overrides: ClusterConfigOverrides = {}, file = 'cluster.yaml'): ClusterConfig {
  const placeOf = (path: readonly PropertyKey[]): string => flagOf(nameOf(path));
  const { logs, seed, encryption, ...rest } = parseConfig(clusterSchema, { text, file, overrides, placeOf });
  return Object.freeze({
    ...rest,
    ...(logs === undefined ? {} : { logs }),
    ...(seed === undefined ? {} : { seed }),
    ...(encryption === undefined ? {} : { encryption }),
  });
}
