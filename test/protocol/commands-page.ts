import type { Command } from '../../src/protocol/command.ts';
import { COMMAND_NAMES, COMMANDS, SELECT_QUEUE_CODE } from '../../src/protocol/commands.ts';
import type { Fields } from '../../src/protocol/fields.ts';
import { POLICY_DEFAULTS, POLICY_LAYOUTS, type PolicyLayout } from '../../src/protocol/policy.ts';
import { RESULT_NAMES, RESULTS, type Result } from '../../src/protocol/results.ts';

const HEAD = `# Commands and results

What a request can ask for and what a reply says, on the wire: generated from \`src/protocol/commands.ts\`, \`policy.ts\` and \`results.ts\` by
\`npx vitest run test/protocol/commands.test.ts --update=all\`. Little-endian; a text or blob is a u32 length and its bytes, texts a u32
length and as many bytes of texts. Codes are never used twice.
`;

const fieldsOf = (fields: Fields): string =>
  Object.entries(fields)
    .map(([name, { layout }]) => `[${layout} ${name}]`)
    .join('');

function rangesOf(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, { range }]) => `${name}: ${range}`)
    .join('; ');
}

function versionsOf({ versions }: Pick<Command, 'versions'>): string {
  if (versions === undefined) return 'queries only';
  const [first, last] = versions;
  return last === Number.POSITIVE_INFINITY ? `${first} on` : `${first} to ${last}`;
}

function policyRow(layout: PolicyLayout): string {
  const fields = Object.fromEntries(layout.fields.map(({ name, field }) => [name, field]));
  const others = layout.missing.map((name) => `${name}: ${POLICY_DEFAULTS[name]}`).join('; ');
  return `| ${layout.code} | ${versionsOf(layout)} | ${fieldsOf(fields)} | ${rangesOf(fields)} | ${others} |`;
}

function commandRow(name: (typeof COMMAND_NAMES)[number]): string {
  const command: Command = COMMANDS[name];
  const { code, fields, needs, writes, permission, result, about } = command;
  return `| ${code} | \`${name}\` | ${versionsOf(command)} | ${needs} | ${writes ? 'yes' : 'no'} | ${permission} | ${fieldsOf(fields)} | ${rangesOf(fields)} | \`${result}\` | ${about} |`;
}

function resultRow(name: (typeof RESULT_NAMES)[number]): string {
  const { code, fields, items, about }: Result = RESULTS[name];
  const list = items === undefined ? '' : `[u32 items] and for each ${fieldsOf(items)}`;
  return `| ${code} | \`${name}\` | ${fieldsOf(fields)}${list} | ${about} |`;
}

const byCode = <Name extends string>(names: readonly Name[], rows: Readonly<Record<Name, { readonly code: number }>>): Name[] =>
  [...names].sort((a, b) => rows[a].code - rows[b].code);

/** The text of docs/commands.md. */
export function commandsPage(): string {
  const lines = [
    HEAD,
    '## Commands',
    '',
    `In front of operations, without being counted: \`[u8 ${SELECT_QUEUE_CODE}][text queue]\` selects the queue of the next ones, and one of these`,
    'layouts the policy of the next adds.',
    '',
    '| code | state-machine versions | fields | ranges | other fields |',
    '| --- | --- | --- | --- | --- |',
    ...POLICY_LAYOUTS.map(policyRow),
    '',
    '| code | command | state-machine versions | needs selected | writes | permission | fields | ranges | result | |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...byCode(COMMAND_NAMES, COMMANDS).map(commandRow),
    '',
    '## Results',
    '',
    '| code | result | fields | |',
    '| --- | --- | --- | --- |',
    ...byCode(RESULT_NAMES, RESULTS).map(resultRow),
  ];
  return `${lines.join('\n')}\n`;
}
