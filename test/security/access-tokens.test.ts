import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeValue } from '../../src/base/describe-value.ts';
import { AccessTokens } from '../../src/security/access-tokens.ts';
import { type NewToken, TokenFile } from '../../src/security/token-file.ts';
import { readSecret } from '../../src/security/token-source.ts';

const NOW_MS = Date.parse('2030-01-01T00:00:00Z');

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-tokens-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const aToken = (token: Partial<NewToken> = {}): NewToken => ({ name: 'web', roles: ['producer'], nowMs: NOW_MS, ...token });

describe('the file of the tokens', () => {
  it('has the hash of each secret, never the secret, and is its owner’s alone', () => {
    const path = join(aFolder(), 'tokens.json');
    const file = new TokenFile(path);
    const secrets = [file.add(aToken()), file.add(aToken({ name: 'mailer', roles: ['producer', 'worker'], queues: ['mails'] }))];
    expect(secrets[0]).not.toBe(secrets[1]);
    const text = readFileSync(path, 'utf8');
    for (const secret of secrets) expect(text).not.toContain(secret.slice('jobraft_'.length));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(file.list()).toMatchObject([
      { name: 'web', roles: ['producer'], created: '2030-01-01T00:00:00.000Z' },
      { name: 'mailer', roles: ['producer', 'worker'], queues: ['mails'] },
    ]);
    expect(() => file.add(aToken())).toThrow('There is a token of this name');
    file.revoke('web');
    expect(file.list().map(({ name }) => name)).toEqual(['mailer']);
    expect(() => file.revoke('web')).toThrow('The tokens are: mailer.');
  });

  it('is rejected with its place, and without its values, when another program has changed it', () => {
    const path = join(aFolder(), 'tokens.json');
    const file = new TokenFile(path);
    expect(() => file.list()).toThrow(/access\.tokens.*cannot be read.*jobraft tokens add/);
    const secret = file.add(aToken());
    writeFileSync(path, '{');
    expect(() => file.list()).toThrow('not JSON');
    writeFileSync(path, JSON.stringify({ tokens: [{ ...aToken(), sha256: secret, created: '2030-01-01T00:00:00Z' }] }));
    expect(() => file.add(aToken({ name: 'other' }))).toThrow(/"tokens\.0[^"]*" in it is invalid/);
    expect(() => file.list()).not.toThrow(secret);
  });
});

describe('the tokens of a node', () => {
  it('permit what their roles say, until they expire or are revoked', () => {
    const path = join(aFolder(), 'tokens.json');
    const file = new TokenFile(path);
    const [lasting, short] = [file.add(aToken({ queues: ['mails'] })), file.add(aToken({ name: 'short', expiresMs: NOW_MS + 1_000 }))];
    let nowMs = NOW_MS;
    let renewals = 0;
    using tokens = new AccessTokens({ path, nowMs: () => nowMs, onRejected: () => undefined });
    tokens.onRenewed(() => {
      renewals += 1;
    });
    expect(tokens.grantOf(`Bearer ${lasting}`)).toMatchObject({ permissions: new Set(['read', 'add']), queues: new Set(['mails']) });
    expect(tokens.grantOf(`bearer ${short}`)).toMatchObject({ name: 'short', queues: undefined });
    expect(tokens.grantOf(undefined)).toContain('has no token');
    expect(tokens.grantOf(lasting)).toContain('is not "Bearer');
    expect(tokens.grantOf(`Bearer ${lasting}x`)).toContain('revoked, or never made');
    tokens.reload();
    expect(renewals).toBe(0);
    nowMs += 1_000;
    expect(tokens.grantOf(`Bearer ${short}`)).toContain('expired at 2030-01-01T00:00:01.000Z');
    // Its bearer may have something open.
    tokens.reload();
    expect(renewals).toBe(1);
    file.revoke('web');
    tokens.reload();
    expect([renewals, tokens.grantOf(`Bearer ${lasting}`)]).toEqual([2, expect.stringContaining('revoked')]);
  });

  it('stay as they are while the file cannot be used, which is reported once', () => {
    const path = join(aFolder(), 'tokens.json');
    const secret = new TokenFile(path).add(aToken());
    const rejected: string[] = [];
    using tokens = new AccessTokens({ path, onRejected: ({ message }) => rejected.push(message) });
    writeFileSync(path, '{');
    tokens.reload();
    tokens.reload();
    expect(rejected).toEqual([expect.stringContaining('not JSON')]);
    expect(tokens.grantOf(`Bearer ${secret}`)).toMatchObject({ name: 'web' });
  });
});

describe('a secret', () => {
  it('is read from a text or a file, and is in no error', () => {
    const folder = aFolder();
    const secret = new TokenFile(join(folder, 'tokens.json')).add(aToken());
    const file = join(folder, 'token');
    writeFileSync(file, `${secret}\n`);
    expect([readSecret(secret), readSecret({ file })]).toEqual([secret, secret]);
    expect(() => readSecret({ file: secret })).toThrow('has the value "a token". Give the path of a file');
    expect(() => readSecret({ file: join(folder, 'none') })).toThrow(/token\.file.*cannot be read/);
    const long = `${secret}x`;
    writeFileSync(file, long);
    for (const source of [long, { file }, { file: secret }])
      expect(() => readSecret(source)).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret.slice(20, 40)) }));
    expect(describeValue({ tokken: secret })).toBe('{"tokken":"jobraft_…"}');
  });
});
