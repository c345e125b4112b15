import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConfigError } from '../../src/base/errors.ts';
import { CertificateFolder } from '../../src/security/certificate-folder.ts';
import { ownerOf } from '../../src/security/certificate-owner.ts';
import { TlsFiles, type TlsPaths } from '../../src/security/tls-files.ts';
import { anAuthority, clientOwner, issue, nodeOwner } from './certificates.ts';

/** @returns what is rejected later. */
function open(paths: TlsPaths, node?: number): { readonly files: TlsFiles; readonly rejected: ConfigError[] } {
  const rejected: ConfigError[] = [];
  const files = new TlsFiles({ paths, ...(node === undefined ? {} : { node }), onRejected: (error) => rejected.push(error) });
  onTestFinished(() => files[Symbol.dispose]());
  return { files, rejected };
}

describe('the owner of a certificate', () => {
  it('is in a URI, which neither a name nor another URI can be mistaken for', () => {
    const owner = (subjectAltName: string) => ownerOf({ subjectAltName, subject: 'CN=jobraft node 1' });
    expect(owner('DNS:a, URI:urn:jobraft:node:7')).toEqual({ type: 'node', node: 7 });
    expect(owner('URI:urn:jobraft:client:web')).toEqual({ type: 'client', name: 'web' });
    for (const names of ['DNS:urn:jobraft:node:7', 'URI:"urn:jobraft:node:7, x"', 'URI:urn:jobraft:node:07', 'URI:urn:jobraft:node:7x', ''])
      expect(owner(names)).toEqual({ type: 'client', name: 'jobraft node 1' });
  });

  it('is undecided between two nodes, and then a client', () => {
    const subjectAltName = 'URI:urn:jobraft:node:1, URI:urn:jobraft:node:2';
    expect(ownerOf({ subjectAltName, subject: 'CN=x' })).toEqual({ type: 'client', name: 'x' });
  });
});

describe('the files of a certificate', () => {
  it('are rejected with the setting, the file and a remedy when they do not fit', async () => {
    const [authority, other] = await Promise.all([anAuthority(), anAuthority()]);
    const [own, second, expired, foreign] = await Promise.all([
      issue(authority, { owner: nodeOwner(1) }),
      issue(authority, { owner: nodeOwner(2) }),
      issue(authority, { owner: nodeOwner(1), agoDays: 20 }),
      issue(other, { owner: nodeOwner(1), trusts: authority }),
    ]);
    expect(open(own, 1).files.current.owner).toEqual({ type: 'node', node: 1 });
    expect(() => open({ ...own, key: join(own.key, 'missing') })).toThrow(/tls\.key.*cannot be read/);
    expect(() => open({ ...own, key: second.key })).toThrow(/tls\.key.*not the key of the certificate/);
    expect(() => open({ ...own, key: own.certificate })).toThrow(/tls\.key.*private key/);
    expect(() => open({ ...own, ca: own.key })).toThrow(/tls\.ca.*PEM file of a certificate/);
    expect(() => open(expired)).toThrow(/tls\.certificate.*expired/);
    expect(() => open(foreign)).toThrow(/No authority of .* has signed it/);
    expect(() => open(second, 1)).toThrow(/that of node 2, and this is node 1/);
    expect(() => open({ ...own, ca: foreign.certificate })).toThrow(/No authority of/);
  });

  it('name the host where the node is reached, which its peers and clients check', async () => {
    const paths = await issue(await anAuthority(), { owner: nodeOwner(1) });
    const openAt = (host: string): TlsFiles => new TlsFiles({ paths, node: 1, host, onRejected: () => undefined });
    for (const host of ['127.0.0.1', 'localhost']) openAt(host)[Symbol.dispose]();
    for (const host of ['10.0.0.9', 'node1', '::1'])
      expect(() => openAt(host)).toThrow(
        `It does not name "${host}", where this node is reached. Make one: "jobraft certs node 1 --hosts ${host}".`,
      );
  });

  it('are used once they are renewed, and never half renewed', async () => {
    const authority = await anAuthority();
    const [own, renewed] = await Promise.all([
      issue(authority, { owner: clientOwner('web') }),
      issue(authority, { owner: clientOwner('web'), days: 5 }),
    ]);
    const { files, rejected } = open(own);
    const before = files.current;
    let renewals = 0;
    files.onRenewed(() => {
      renewals += 1;
    });
    files.reload();
    expect([renewals, files.version]).toEqual([0, 1]);
    copyFileSync(renewed.key, own.key);
    files.reload();
    files.reload();
    expect(files.current).toBe(before);
    expect(rejected.map(({ message }) => message)).toEqual([expect.stringContaining('not the key of the certificate')]);
    copyFileSync(renewed.certificate, own.certificate);
    files.reload();
    expect([renewals, files.version]).toEqual([1, 2]);
    expect(files.current.validUntilMs).toBeLessThan(before.validUntilMs);
  });
});

describe('a folder of certificates', () => {
  it('has keys for their owner alone, and replaces a certificate only on request, the authority never', async () => {
    const path = mkdtempSync(join(tmpdir(), 'jobraft-certs-'));
    onTestFinished(() => rmSync(path, { recursive: true, force: true }));
    const folder = new CertificateFolder(path);
    const nowMs = Date.now();
    const options = { hosts: ['node1', '10.0.0.1'], days: 10, nowMs, isRenewal: false };
    await expect(folder.make(nodeOwner(1), options)).rejects.toThrow('jobraft certs ca');
    const authority = await folder.makeAuthority('test', 30, nowMs);
    await expect(folder.makeAuthority('test', 30, nowMs)).rejects.toThrow('has an authority already');
    const { certificate, key } = await folder.make(nodeOwner(1), options);
    expect([statSync(key).mode & 0o777, statSync(authority.key).mode & 0o777]).toEqual([0o600, 0o600]);
    const made = new X509Certificate(readFileSync(certificate));
    expect(made.subjectAltName).toBe('URI:urn:jobraft:node:1, DNS:node1, IP Address:10.0.0.1');
    expect([made.ca, made.checkIssued(new X509Certificate(readFileSync(authority.certificate)))]).toEqual([false, true]);
    await expect(folder.make(nodeOwner(1), options)).rejects.toThrow('--renew');
    // What an interrupted command left does not lend its mode to the key.
    writeFileSync(`${key}.new`, 'half', { mode: 0o644 });
    await folder.make(nodeOwner(1), { ...options, isRenewal: true });
    expect(new X509Certificate(readFileSync(certificate)).serialNumber).not.toBe(made.serialNumber);
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });
});
