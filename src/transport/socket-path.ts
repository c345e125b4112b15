import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ConfigError } from '../base/errors.ts';

/** Bytes that the path of a Unix socket may have: `sun_path` of unix(7), without its terminating zero. */
const PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;

/** A path by which a Unix socket can be bound and connected to. It is valid until it is disposed. */
export interface SocketPath extends Disposable {
  readonly path: string;
}

/**
 * The system takes a path of 107 bytes at most (103 outside of Linux). A longer one is reached through its open folder, which Linux names
 * `/proc/self/fd/<number>`.
 * @param folder the setting that the path comes from, for the error.
 * @throws {ConfigError} where a longer path cannot be used.
 */
export function openSocketPath(path: string, folder: string): SocketPath {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, [Symbol.dispose]: () => undefined };
  if (process.platform !== 'linux')
    throw new ConfigError(
      folder,
      dirname(path),
      `The path of its socket, ${path}, has ${Buffer.byteLength(path)} bytes, and this system takes ${PATH_BYTES_MAX}. Name a folder with a shorter path.`,
    );
  const descriptor = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${descriptor}/${basename(path)}`, [Symbol.dispose]: () => closeSync(descriptor) };
}
