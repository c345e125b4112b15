import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../eval/measuring/user-error.ts';
import { defaultSettingsFile, loadSettings, parseSettings, settingsHash } from '../../eval/replay/settings.ts';

const text = readFileSync(defaultSettingsFile(), 'utf8');

describe('config/evaluation.yaml', () => {
  it('asks for what the evaluation promises: 100 and 2000 messages, four payload cases, 4 B to 1 MiB, the published pacing', () => {
    const settings = loadSettings();
    expect(settings.pacing).toEqual({ delayMs: 100, settleMs: 500 });
    expect(settings.scenarios.low.map(({ messages }) => messages)).toEqual([100]);
    expect(settings.scenarios.high.map(({ messages }) => messages)).toEqual([2000]);
    expect(settings.scenarios.payload.map(({ messages, payloadBytes }) => `${messages} x ${payloadBytes}`)).toEqual([
      '500 x 4',
      '500 x 50',
      '1000 x 4',
      '1000 x 640',
    ]);
    expect([settings.sweep.payloadBytes.at(0), settings.sweep.payloadBytes.at(-1)]).toEqual([4, 1_048_576]);
    expect(settings.cluster).toEqual({ nodes: 3, durability: 'full' });
  });

  it('holds the published figures of every scenario (R12 to R15)', () => {
    const { scenarios, published } = loadSettings();
    for (const { messages, payloadBytes } of Object.values(scenarios).flat()) {
      expect(published.rows).toContainEqual(expect.objectContaining({ messages, payloadBytes }));
    }
    expect(published.rows.filter(({ finished }) => !finished)).toEqual([
      { messages: 1000, payloadBytes: 640, wallMs: 600_000, perSecond: 0.79, finished: false },
    ]);
  });
});

describe('settings that cannot work', () => {
  const faulty = (from: string | RegExp, to: string) => () => parseSettings(text.replace(from, to), 'evaluation.yaml');

  it.each([
    ['a number out of range', /nodes: 3/, 'nodes: 0', /"cluster\.nodes" is 0\. Set it to at least 1\./],
    ['a word where a number belongs', /delayMs: 100/, 'delayMs: soon', /"pacing\.delayMs" is "soon"\. Set it to a value of type number\./],
    [
      'a choice that does not exist',
      /durability: full /,
      'durability: maybe ',
      /"cluster\.durability" is "maybe"\. Set it to one of: full, off\./,
    ],
    ['a misspelt key', /settleMs:/, 'setleMs:', /"pacing\.setleMs" is not a setting\. Remove it, or correct its spelling\./],
    ['a missing key', /^seed: 1$/m, '', /"seed" is missing\. Set it to a value of type number\./],
  ])('%s: key, value and remedy are named', (_what, from, to, message) => {
    expect(faulty(from, to)).toThrow(message);
    expect(faulty(from, to)).toThrow(UserError);
  });

  it('broken YAML and a missing file say so', () => {
    expect(() => parseSettings('pacing: [', 'mine.yaml')).toThrow(/mine\.yaml is not valid YAML/);
    expect(() => loadSettings('/nowhere/evaluation.yaml')).toThrow(/cannot be read.*--settings/s);
  });
});

describe('the hash of the settings', () => {
  it('changes with what is measured, and not with charts or published figures', () => {
    const settings = loadSettings();
    const hash = settingsHash(settings, {});
    expect(settingsHash({ ...settings, charts: { ...settings.charts, widthPx: 900 } }, {})).toBe(hash);
    expect(settingsHash({ ...settings, pacing: { delayMs: 50, settleMs: 500 } }, {})).not.toBe(hash);
    expect(settingsHash(settings, { heartbeatMs: 10 })).not.toBe(hash);
  });
});
