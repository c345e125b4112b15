import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { invariant } from '../../base/invariant.ts';

/** Field names as in the file; integers as numbers, which all stay below 2^53; absent fields with their default. */
const OPTIONS = { keepCase: true, longs: Number, enums: Number, defaults: true, oneofs: true } as const;

/** The folder of the package with its `.proto` files: the same code runs from src and from dist/src. */
function protoFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let folder = here; ; folder = dirname(folder)) {
    const found = join(folder, 'proto');
    if (existsSync(join(found, 'raft.proto'))) return found;
    invariant(dirname(folder) !== folder, () => `no folder above ${here} has proto/raft.proto: install the package again`);
  }
}

/** @param name of a service, with its package: `jobraft.raft.v1.Raft`. */
export function loadService(file: string, name: string): ServiceClientConstructor {
  let found: unknown = loadPackageDefinition(loadSync(join(protoFolder(), file), OPTIONS));
  for (const part of name.split('.')) found = (found as GrpcObject)[part];
  invariant(typeof found === 'function', () => `${file} has no service ${name}`);
  return found as ServiceClientConstructor;
}
