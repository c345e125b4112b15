import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownerOf } from '../../src/security/certificate-owner.ts';
import { jobraft } from './recorded-output.ts';

const PERMISSIONS = 0o777;
const DAY_MS = 86_400_000;

describe('the commands `certs`', () => {
  const parent = mkdtempSync(join(tmpdir(), 'jobraft-certs-'));
  const folder = join(parent, 'certs');
  const certs = (...words: readonly string[]) => jobraft(['certs', ...words, '--out', folder]);
  const file = (name: string): string => join(folder, name);
  const certificate = (name: string): X509Certificate => new X509Certificate(readFileSync(file(name)));

  beforeAll(async () => {
    expect(await certs('ca')).toEqual({
      code: 0,
      out: `Certificate: ${file('ca.crt')}\nKey:         ${file('ca.key')}\n`,
      err: '',
    });
  });

  afterAll(() => rmSync(parent, { recursive: true, force: true }));

  it('make an authority once: another one would end all certificates of the first', async () => {
    const before = readFileSync(file('ca.key'), 'utf8');
    const { code, err } = await certs('ca');
    expect(code).not.toBe(0);
    expect(err).toContain('The folder has an authority already. Use it, or name another folder.');
    expect(readFileSync(file('ca.key'), 'utf8')).toBe(before);
  });

  it('make the certificate of a node for its hosts, with a key that only its owner reads', async () => {
    const { code, out } = await certs('node', '1', '--hosts', 'node1,10.0.0.1', '--days', '3', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ certificate: file('node-1.crt'), key: file('node-1.key') });
    const made = certificate('node-1.crt');
    expect(ownerOf(made)).toEqual({ type: 'node', node: 1 });
    expect(made.checkHost('node1')).toBe('node1');
    expect(made.checkIP('10.0.0.1')).toBe('10.0.0.1');
    expect(made.verify(certificate('ca.crt').publicKey)).toBe(true);
    expect(made.validToDate.getTime() - Date.now()).toBeLessThan(3 * DAY_MS + 1);
    expect(statSync(file('node-1.key')).mode & PERMISSIONS).toBe(0o600);
  });

  it('make the certificate of a client, which is no node', async () => {
    expect(await certs('client', 'web')).toMatchObject({ code: 0, err: '' });
    expect(ownerOf(certificate('client-web.crt'))).toEqual({ type: 'client', name: 'web' });
  });

  it('replace a certificate only when asked to', async () => {
    await certs('client', 'kept');
    const before = certificate('client-kept.crt').fingerprint256;
    const rejected = await certs('client', 'kept');
    expect(rejected.code).not.toBe(0);
    expect(rejected.err).toContain('The certificate exists. Renew it with --renew, or name another folder.');
    expect(certificate('client-kept.crt').fingerprint256).toBe(before);
    expect(await certs('client', 'kept', '--renew')).toMatchObject({ code: 0 });
    expect(certificate('client-kept.crt').fingerprint256).not.toBe(before);
  });

  it('renew the certificate of a node for the hosts that it had, unless others are given', async () => {
    await certs('node', '7', '--hosts', 'node7,10.0.0.7');
    await certs('node', '7', '--renew');
    expect([certificate('node-7.crt').checkHost('node7'), certificate('node-7.crt').checkIP('10.0.0.7')]).toEqual(['node7', '10.0.0.7']);
    await certs('node', '7', '--renew', '--hosts', 'node8');
    expect([certificate('node-7.crt').checkHost('node7'), certificate('node-7.crt').checkHost('node8')]).toEqual([undefined, 'node8']);
  });

  it.each([
    ['a name with a slash', ['client', '../web'], 'is no name of a client'],
    ['a host with a space', ['node', '2', '--hosts', 'node 2'], 'Give names and IP addresses, separated by commas'],
    ['a node without a number', ['node', 'two'], 'two'],
    ['a validity of no day', ['node', '2', '--days', '0'], '0'],
  ])('reject %s, and write nothing', async (_, words, message) => {
    const before = readdirSync(folder);
    const { code, err } = await certs(...words);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
    expect(readdirSync(folder)).toEqual(before);
  });

  it('make no certificate without an authority', async () => {
    const { code, err } = await jobraft(['certs', 'node', '1', '--out', join(parent, 'none')]);
    expect(code).not.toBe(0);
    expect(err).toContain('ca.crt');
  });
});
