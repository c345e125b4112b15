import { describe, expect, it } from 'vitest';
import { isCodeMissing, NodeCodeMissingError, nodeThreadCode } from '../../src/cluster/node-code.ts';

describe('the code of a node’s thread', () => {
  it('is a file of the build: beside the sources there is none, which is a typed error with the remedy', () => {
    expect(nodeThreadCode).toThrow(NodeCodeMissingError);
    expect(nodeThreadCode).toThrow(/node-worker\.js, does not exist\..*Mark "jobraft" as external/s);
  });

  it('is missing where a module of it cannot be found, and not for any other error', () => {
    const withCode = (code: string): Error => Object.assign(new Error('x'), { code });
    expect(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].map((code) => isCodeMissing(withCode(code)))).toEqual([true, true]);
    expect([withCode('ENOENT'), new Error('x'), { code: 'MODULE_NOT_FOUND' }, undefined].map(isCodeMissing)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});
