import { HIDDEN } from '../encryption/read-keys.ts';
import { parseConfig, readConfigFile } from './config-document.ts';
import { ConfigFileError } from './config-file-error.ts';
import { nameOf } from './config-problems.ts';
import { type NodeConfig, nodeConfigOf, nodeSchema } from './node-config.ts';
import { numberSettings } from './setting-table.ts';
import { ACCESS, ENCRYPTION, isSecretVariable, LOGS, misspeltVariables, NUMBERS, TEXTS, TLS, variableOf } from './variables.ts';

/** Settings of a command line, which override file and environment. */
export interface NodeFlags {
  readonly metrics?: string | undefined;
}

/**
 * Reads the configuration of one node, with the variables `JOBRAFT_*` of the environment in place of its settings. A variable whose name is nearly
 * that of a setting is rejected; others are ignored: other programs have some, as Kubernetes for a service of this name.
 * @throws {ConfigFileError} with every problem, its place (file:line or variable), value and remedy.
 */
export function loadNodeConfig(file: string, environment: NodeJS.ProcessEnv = {}, flags: NodeFlags = {}): NodeConfig {
  return parseNodeConfig(readConfigFile(file, 'config/node-1.yaml'), environment, file, flags);
}

/** The same for a given text. */
export function parseNodeConfig(text: string, environment: NodeJS.ProcessEnv = {}, file = 'node.yaml', flags: NodeFlags = {}): NodeConfig {
  const placeOf = (path: readonly PropertyKey[]): string => {
    const [group, key] = path;
    if (group === 'metrics' && flags.metrics !== undefined) return '--metrics';
    if (group === 'logs' && (key === 'dir' || key === 'level')) return LOGS[key];
    if (group === 'access' && key === 'tokens') return ACCESS[key];
    if (group === 'tls' && (key === 'ca' || key === 'certificate' || key === 'key')) return TLS[key];
    if (group === 'encryption') return key === 'key' ? ENCRYPTION.key : ENCRYPTION.keys;
    return variableOf(group === 'nodes' ? 'nodes' : nameOf(path));
  };
  const misspelt = misspeltVariables(environment);
  if (misspelt.length > 0)
    throw ConfigFileError.of(
      file,
      misspelt.map(({ variable, value, meant }) => ({
        ...{ key: variable, value: isSecretVariable(variable) ? HIDDEN : value, place: 'environment' },
        remedy: `There is no such variable. Did you mean ${meant}?`,
      })),
    );
  const overrides = { ...overridesIn(environment), ...flags };
  return Object.freeze(nodeConfigOf(parseConfig(nodeSchema, { text, file, overrides, placeOf })));
}

function overridesIn(environment: NodeJS.ProcessEnv): object {
  const overrides: Record<string, unknown> = {};
  const groups: Record<string, Record<string, unknown>> = {};
  const set = (group: string, key: string, value: unknown): void => {
    groups[group] = { ...groups[group], [key]: value };
  };
  for (const key of TEXTS) if (environment[variableOf(key)] !== undefined) overrides[key] = environment[variableOf(key)];
  for (const key of NUMBERS) if (environment[variableOf(key)] !== undefined) overrides[key] = numberIn(environment[variableOf(key)]);
  const insecure = environment[variableOf('insecure')];
  if (insecure !== undefined) overrides.insecure = booleanIn(insecure);
  if (environment[variableOf('nodes')] !== undefined) overrides.nodes = nodesIn(environment[variableOf('nodes')] ?? '');
  for (const { group, key } of numberSettings()) {
    const text = environment[variableOf(key)];
    if (text !== undefined) set(group, key, numberIn(text));
  }
  for (const [key, variable] of Object.entries(LOGS)) if (environment[variable] !== undefined) set('logs', key, environment[variable]);
  for (const [key, variable] of Object.entries(ACCESS)) if (environment[variable] !== undefined) set('access', key, environment[variable]);
  for (const [key, variable] of Object.entries(TLS)) if (environment[variable] !== undefined) set('tls', key, environment[variable]);
  for (const [key, variable] of Object.entries(ENCRYPTION))
    if (environment[variable] !== undefined) set('encryption', key, environment[variable]);
  return { ...overrides, ...groups };
}

/** A text that is no number stays one, which the schema reports. */
function numberIn(text: string | undefined): unknown {
  return text === undefined || text.trim() === '' || !Number.isFinite(Number(text)) ? text : Number(text);
}

const booleanIn = (text: string): boolean | string => (text === 'true' || text === 'false' ? text === 'true' : text);

/** `1=127.0.0.1:7101,2=127.0.0.1:7102` */
function nodesIn(text: string): unknown {
  return text.split(',').map((node) => {
    const [id, ...address] = node.split('=');
    return { id: numberIn(id), address: address.join('=') };
  });
}
