import { join } from 'node:path';
import { CertificateFolder } from '../../src/security/certificate-folder.ts';
import type { TlsPaths } from '../../src/security/tls-files.ts';

const DAYS = 1;
/** Where the nodes of an evaluation listen. */
const HOSTS = ['127.0.0.1', 'localhost'];

/** The certificates of one cluster. */
export interface ClusterCertificates {
  readonly client: TlsPaths;
  readonly ofNode: (id: number) => TlsPaths;
}

/** Makes an authority, and certificates of nodes and of a client that it has signed, valid for a day. @param path of a folder for them. */
export async function makeCertificates(path: string, nodes: readonly number[]): Promise<ClusterCertificates> {
  const folder = new CertificateFolder(path);
  const nowMs = Date.now();
  const { certificate: ca } = await folder.makeAuthority('eval', DAYS, nowMs);
  const request = { hosts: HOSTS, days: DAYS, nowMs, isRenewal: false };
  const client = { ca, ...(await folder.make({ type: 'client', name: 'eval' }, { ...request, hosts: [] })) };
  for (const node of nodes) await folder.make({ type: 'node', node }, request);
  return {
    client,
    ofNode: (id) => ({ ca, certificate: join(path, `node-${id}.crt`), key: join(path, `node-${id}.key`) }),
  };
}
