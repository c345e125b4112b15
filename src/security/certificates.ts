// Its decorators are needed by the library of certificates.
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type CertificateOwner, ownerUri } from './certificate-owner.ts';

/** ECDSA on P-256 with SHA-256, which every TLS library knows. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Clocks of other machines may be behind. */
const BACKDATED_MS = 5 * 60_000;

/** A certificate and its private key, PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  /** PKCS #8. */
  readonly key: string;
}

export interface CertificateRequest {
  readonly owner: CertificateOwner;
  /** DNS names and IP addresses at which a node is reached; a client needs none. */
  readonly hosts: readonly string[];
  readonly days: number;
  readonly nowMs: number;
}

/** A certificate authority, which signs the certificates of one cluster (RFC 5280). */
export async function newAuthority({
  name,
  days,
  nowMs,
}: {
  readonly name: string;
  readonly days: number;
  readonly nowMs: number;
}): Promise<CertifiedKey> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber: newSerial(), name: [{ CN: [name] }], keys, signingAlgorithm: ALGORITHM },
    ...validity(nowMs, days),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/** A certificate of an authority. Only that of a node may be used by a server. */
export async function newCertificate(authority: CertifiedKey, { owner, hosts, days, nowMs }: CertificateRequest): Promise<CertifiedKey> {
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = await crypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(authority.key), ALGORITHM, false, ['sign']);
  const keys = await newKeys();
  const names = [
    { type: 'url', value: ownerUri(owner) } as const,
    ...hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const),
  ];
  const certificate = await X509CertificateGenerator.create({
    ...{ serialNumber: newSerial(), subject: [{ CN: [commonName(owner)] }], issuer: issuer.subject, publicKey: keys.publicKey },
    ...{ signingKey, signingAlgorithm: ALGORITHM },
    ...validity(nowMs, days),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      // A node calls the others, too.
      new ExtendedKeyUsageExtension([...(owner.type === 'node' ? [ExtendedKeyUsage.serverAuth] : []), ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(names),
      await AuthorityKeyIdentifierExtension.create(issuer),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/** The DNS names and IP addresses of a certificate. @param certificate PEM */
export function hostsOf(certificate: string): readonly string[] {
  const names = new X509Certificate(certificate).getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  return names.filter(({ type }) => type === 'dns' || type === 'ip').map(({ value }) => value);
}

const commonName = (owner: CertificateOwner): string => (owner.type === 'node' ? `jobraft node ${owner.node}` : owner.name);

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

const pemOf = async (key: webcrypto.CryptoKey): Promise<string> =>
  `${PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;

/** Positive, and at most 20 bytes. */
const newSerial = (): string => `7f${randomBytes(15).toString('hex')}`;

const validity = (nowMs: number, days: number): { readonly notBefore: Date; readonly notAfter: Date } => ({
  notBefore: new Date(nowMs - BACKDATED_MS),
  notAfter: new Date(nowMs + days * DAY_MS),
});
