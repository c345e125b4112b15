import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../measuring/package-root.ts';

/** Files of a certificate, PEM. */
export interface Certificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Those of one authority; the owner is `node-1`, … or `client-<name>`. */
export type Certificates = (owner: string) => Certificate;

/** Makes an authority, and certificates of nodes and of the client `test`, as an operator does. @throws with what the command wrote. */
export function makeCertificates(folder: string, nodes: readonly number[]): Certificates {
  const make = (...args: readonly string[]): void => {
    const command = [join(packageRoot(), 'dist/src/cli/main.js'), 'certs', ...args, '--out', folder];
    const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`jobraft certs ${args.join(' ')} ended with ${status}: ${stderr}`);
  };
  make('ca');
  for (const node of nodes) make('node', String(node), '--hosts', '127.0.0.1,localhost');
  make('client', 'test');
  return (owner) => ({ ca: join(folder, 'ca.crt'), certificate: join(folder, `${owner}.crt`), key: join(folder, `${owner}.key`) });
}

/** As the programs of `python/` and `go/` take them: their last arguments. */
export const filesOf = (certificate: Certificate | undefined): readonly string[] =>
  certificate === undefined ? [] : [certificate.ca, certificate.certificate, certificate.key];
