import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { jobraft } from './recorded-output.ts';

describe('the commands `tokens`', () => {
  it('print a secret once, show what it permits, and take it back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-tokens-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = ['--tokens', join(folder, 'tokens.json')];
    const added = await jobraft(['tokens', 'add', 'web', '--role', 'producer,worker', '--queues', 'mails', '--expires', '30d', ...file]);
    expect(added).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^jobraft_[A-Za-z0-9_-]{43}\n$/) });
    const document = await jobraft(['tokens', 'add', 'ada', '--role', 'operator', '--json', ...file]);
    expect(JSON.parse(document.out)).toEqual({ name: 'ada', roles: ['operator'], token: expect.stringMatching(/^jobraft_/) });
    const listed = await jobraft(['tokens', 'list', ...file]);
    expect(listed.out).toMatch(/web +producer, worker +mails .*\nada +operator +all .* never/);
    expect(`${listed.out}${readFileSync(join(folder, 'tokens.json'), 'utf8')}`).not.toContain(added.out.trim());
    expect(await jobraft(['tokens', 'revoke', 'web', ...file])).toMatchObject({ code: 0, out: 'The token "web" is revoked.\n' });
    expect(await jobraft(['tokens', 'revoke', 'web', ...file])).toMatchObject({
      code: 2,
      err: expect.stringContaining('The tokens are: ada.'),
    });
  });

  it.each([
    ['a role that there is not', ['x', '--role', 'admin'], 'Give some of reader, producer, worker, operator'],
    ['no role', ['x'], '--role'],
    ['a name with a space', ['a b', '--role', 'reader'], 'is no name of a token'],
    ['a time that is none', ['x', '--role', 'reader', '--expires', 'soon'], 'Give a whole number from 1 to 36500'],
  ])('reject %s, and write nothing', async (_what, words, reason) => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-tokens-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const tokens = join(folder, 'tokens.json');
    expect(await jobraft(['tokens', 'add', ...words, '--tokens', tokens])).toMatchObject({ code: 2, err: expect.stringContaining(reason) });
    expect(() => readFileSync(tokens)).toThrow('ENOENT');
  });
});
