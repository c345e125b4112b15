import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkNodeVersion, UnsupportedNodeError } from '../../src/runtime/node-version.ts';
import { packageRoot } from '../architecture/source-file.ts';

const thrownBy = (run: () => void): unknown => {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('the check of the Node.js version', () => {
  it.each(['22.0.0', '22.23.3', '24.21.0', '26.10.0', '100.0.0', '23.0.0-nightly'])('accepts %s', (version) =>
    expect(thrownBy(() => checkNodeVersion(version))).toBeUndefined(),
  );

  it.each(['20.20.2', '21.7.3', '18.20.8', '9.11.2', '0.12.18', ''])(
    'rejects "%s" with the version found, the one needed and a remedy',
    (version) => {
      const error = thrownBy(() => checkNodeVersion(version));
      expect(error).toBeInstanceOf(UnsupportedNodeError);
      expect(error).toMatchObject({ name: 'UnsupportedNodeError', code: 'NODE_UNSUPPORTED', outcome: 'not-applied' });
      const { message } = error as UnsupportedNodeError;
      expect(message).toContain('needs Node.js 22 or later');
      expect(message).toContain(`this is Node.js ${version}.`);
      expect(message).toContain('Install a later version');
    },
  );

  it('agrees with the engines of the package', () => {
    const { engines } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
    expect(engines.node).toBe('>=22');
  });
});
