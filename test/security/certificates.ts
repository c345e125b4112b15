import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { CertificateOwner } from '../../src/security/certificate-owner.ts';
import { type CertifiedKey, newAuthority, newCertificate } from '../../src/security/certificates.ts';
import type { TlsPaths } from '../../src/security/tls-files.ts';

const DAY_MS = 86_400_000;

export const anAuthority = (nowMs = Date.now()): Promise<CertifiedKey> => newAuthority({ name: 'test', days: 30, nowMs });

export const nodeOwner = (node: number): CertificateOwner => ({ type: 'node', node });
export const clientOwner = (name: string): CertificateOwner => ({ type: 'client', name });

interface Issued {
  readonly owner: CertificateOwner;
  /** Whose certificates the files accept. Default: the one that signs. */
  readonly trusts?: CertifiedKey;
  readonly agoDays?: number;
  readonly days?: number;
}

/** The files of a new certificate for 127.0.0.1. */
export async function issue(authority: CertifiedKey, { owner, trusts = authority, agoDays = 0, days = 10 }: Issued): Promise<TlsPaths> {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const paths = { ca: join(folder, 'ca.crt'), certificate: join(folder, 'own.crt'), key: join(folder, 'own.key') };
  const nowMs = Date.now() - agoDays * DAY_MS;
  write(paths, { ...(await newCertificate(authority, { owner, hosts: ['127.0.0.1', 'localhost'], days, nowMs })), ca: trusts.certificate });
  return paths;
}

export function write(paths: TlsPaths, { ca, certificate, key }: CertifiedKey & { readonly ca: string }): void {
  writeFileSync(paths.ca, ca);
  writeFileSync(paths.certificate, certificate);
  writeFileSync(paths.key, key);
}
