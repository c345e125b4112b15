import type { X509Certificate } from 'node:crypto';

/** Whose certificate it is. */
export type CertificateOwner = { readonly type: 'node'; readonly node: number } | { readonly type: 'client'; readonly name: string };

/** A URI in the subject's alternative names (RFC 5280, section 4.2.1.6), which no host name can be mistaken for. */
export const ownerUri = (owner: CertificateOwner): string =>
  owner.type === 'node' ? `urn:jobraft:node:${owner.node}` : `urn:jobraft:client:${owner.name}`;

const NODE_URI = /^URI:urn:jobraft:node:([1-9][0-9]{0,15})$/;
const CLIENT_URI = /^URI:urn:jobraft:client:([A-Za-z0-9._-]{1,100})$/;
export const CLIENT_NAME = /^[A-Za-z0-9._-]{1,100}$/;

/** @param alternativeNames as Node.js prints them. A certificate without a URI of this project is a client's, by its common name. */
export function ownerOf({ subjectAltName, subject }: Pick<X509Certificate, 'subjectAltName' | 'subject'>): CertificateOwner {
  const names = namesIn(subjectAltName ?? '');
  const nodes = names.flatMap((name) => NODE_URI.exec(name)?.[1] ?? []);
  const [node] = nodes;
  if (node !== undefined && nodes.length === 1) return { type: 'node', node: Number(node) };
  const client = names.flatMap((name) => CLIENT_URI.exec(name)?.[1] ?? [])[0];
  return { type: 'client', name: client ?? /^CN=(.*)$/m.exec(subject)?.[1] ?? 'unnamed' };
}

/** Node.js quotes names that contain commas, so such a name is not one of ours. */
const namesIn = (text: string): readonly string[] => text.split(', ');
