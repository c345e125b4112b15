import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../base/errors.ts';
import { type CertificateOwner, ownerOf } from './certificate-owner.ts';
import { RenewedFiles } from './renewed-files.ts';

/** Paths of PEM files. */
export interface TlsPaths {
  /** Certificates of the authorities whose certificates are accepted. */
  readonly ca: string;
  /** The own certificate, followed by those between it and the authority. */
  readonly certificate: string;
  readonly key: string;
}

/** What the files contain, checked. */
export interface TlsIdentity {
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly owner: CertificateOwner;
  /** ms since the epoch. */
  readonly validUntilMs: number;
}

export interface TlsFilesOptions {
  readonly paths: TlsPaths;
  /** The node that the certificate has to name; a client's may name anyone. */
  readonly node?: number;
  /** The host at which that node is reached, which its certificate has to name. */
  readonly host?: string;
  /** Renewed files cannot be used: the node goes on with those before. */
  readonly onRejected: (error: ConfigError) => void;
  readonly nowMs?: () => number;
  readonly reloadEveryMs?: number;
}

/** A certificate, its key and its authorities, which are read again when the files change. */
export class TlsFiles extends RenewedFiles<TlsIdentity> {
  /** @throws {ConfigError} for files that cannot be read or do not fit together. */
  constructor({ paths, node, host, onRejected, nowMs = Date.now, reloadEveryMs }: TlsFilesOptions) {
    super({
      ...{ onRejected, reloadEveryMs },
      read: () => readIdentity(paths, node, host, nowMs()),
      isSame: (one, other) => one.ca.equals(other.ca) && one.certificate.equals(other.certificate) && one.key.equals(other.key),
    });
  }
}

/** @throws {ConfigError} that names the setting, its file and what to do. */
function readIdentity(paths: TlsPaths, node: number | undefined, host: string | undefined, nowMs: number): TlsIdentity {
  const [ca, certificate, key] = [
    readPem('tls.ca', paths.ca),
    readPem('tls.certificate', paths.certificate),
    readPem('tls.key', paths.key),
  ];
  const fail = (setting: keyof TlsPaths, remedy: string): never => {
    throw new ConfigError(`tls.${setting}`, paths[setting], remedy);
  };
  const parse = <T>(setting: keyof TlsPaths, make: () => T): T => {
    try {
      return make();
    } catch {
      return fail(setting, `It is not a PEM file of a ${setting === 'key' ? 'private key without a passphrase' : 'certificate'}.`);
    }
  };
  const own = parse('certificate', () => new X509Certificate(certificate));
  const privateKey = parse('key', () => createPrivateKey(key));
  const authorities = parse('ca', () => certificatesIn(ca));
  parse('ca', () => createSecureContext({ ca }));
  if (!own.checkPrivateKey(privateKey)) fail('key', `It is not the key of the certificate ${paths.certificate}.`);
  const [validFromMs, validUntilMs] = [Date.parse(own.validFrom), Date.parse(own.validTo)];
  if (nowMs < validFromMs)
    fail('certificate', `It is not valid before ${own.validFrom}; this machine's clock says ${new Date(nowMs).toISOString()}.`);
  if (nowMs > validUntilMs)
    fail('certificate', `It expired at ${own.validTo}. Make a new one: "jobraft certs node" or "jobraft certs client".`);
  const chain = [...parse('certificate', () => certificatesIn(certificate)), ...authorities];
  if (!isIssued(own, authorities, chain)) fail('certificate', `No authority of ${paths.ca} has signed it.`);
  const owner = ownerOf(own);
  if (node !== undefined && (owner.type !== 'node' || owner.node !== node))
    fail('certificate', `It is that of ${describeOwner(owner)}, and this is node ${node}. Make one: "jobraft certs node ${node}".`);
  if (host !== undefined && (isIP(host) === 0 ? own.checkHost(host) : own.checkIP(host)) === undefined)
    fail('certificate', `It does not name "${host}", where this node is reached. Make one: "jobraft certs node ${node} --hosts ${host}".`);
  return { ca, certificate, key, owner, validUntilMs };
}

export const describeOwner = (owner: CertificateOwner): string =>
  owner.type === 'node' ? `node ${owner.node}` : `the client "${owner.name}"`;

function readPem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(setting, path, `The file cannot be read (${reason}).`);
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws {Error} without one. */
function certificatesIn(pem: Buffer): readonly X509Certificate[] {
  const found = pem.toString('latin1').match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new Error('no certificate');
  return found.map((text) => new X509Certificate(text));
}

const CHAIN_MAX = 10;

/** Whether the chain leads from the certificate to one of the authorities. */
function isIssued(own: X509Certificate, authorities: readonly X509Certificate[], chain: readonly X509Certificate[]): boolean {
  let current = own;
  for (let step = 0; step < CHAIN_MAX; step += 1) {
    const issuer = chain.find((other) => current.checkIssued(other) && current.verify(other.publicKey));
    if (issuer === undefined) return false;
    if (authorities.some(({ fingerprint256 }) => fingerprint256 === issuer.fingerprint256)) return true;
    current = issuer;
  }
  return false;
}
