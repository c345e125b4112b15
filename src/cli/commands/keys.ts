import { Argument } from 'commander';
import { addKey, keyIdsOf, makeKeyFile } from '../../encryption/key-file.ts';
import type { CliCommand, Invocation } from '../command.ts';

type KeysInvocation = Invocation<readonly [file: string], object>;

export const keysNew: CliCommand = {
  name: 'keys new',
  group: 'Cluster',
  summary:
    'Makes a file with a key for encryption at rest, readable by its owner alone. Without it what it encrypts is lost: keep a copy apart from the data.',
  arguments: [new Argument('<file>', 'the file, which must not exist')],
  options: [],
  json: 'document',
  examples: ['jobraft keys new ./jobraft.keys'],
  async run({ args: [file], output, isJson }: KeysInvocation) {
    const key = makeKeyFile(file);
    if (isJson) output.document({ file, key });
    else
      output.line(
        `${file} has the key ${key}. Name it as "encryption.keys" (JOBRAFT_ENCRYPTION_KEYS), and keep a copy apart from the data.`,
      );
  },
};

export const keysAdd: CliCommand = {
  name: 'keys add',
  group: 'Cluster',
  summary: 'Puts a new key before those of a file: a node encrypts everything with it from its next start on.',
  arguments: [new Argument('<file>', 'a file that "keys new" made')],
  options: [],
  json: 'document',
  examples: ['jobraft keys add ./jobraft.keys'],
  async run({ args: [file], output, isJson }: KeysInvocation) {
    const key = addKey(file);
    if (isJson) output.document({ file, key });
    else
      output.line(`${file} has the new key ${key}, which encrypts from the next start on. The earlier keys stay for what they encrypted.`);
  },
};

export const keysList: CliCommand = {
  name: 'keys list',
  group: 'Cluster',
  summary: 'Prints the ids of the keys of a file, that of the one that encrypts first.',
  arguments: [new Argument('<file>', 'a file that "keys new" made')],
  options: [],
  json: 'document',
  examples: ['jobraft keys list ./jobraft.keys'],
  async run({ args: [file], output, isJson }: KeysInvocation) {
    const keys = keyIdsOf(file);
    if (isJson) output.document({ file, keys });
    else for (const key of keys) output.line(key);
  },
};
