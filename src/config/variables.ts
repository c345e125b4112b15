import { nearestName } from '../base/nearest-name.ts';
import { kebabCase } from './flag-names.ts';
import { numberSettings } from './setting-table.ts';

const PREFIX = 'JOBRAFT_';

/** Texts that are settings as they are. */
export const TEXTS = ['cluster', 'dataDir', 'durability', 'metrics', 'audit'] as const;
/** Numbers that belong to no group. */
export const NUMBERS = ['id', 'holderGraceMs', 'clientConnectionsMax', 'clientCallsMax', 'clientRequestsPerSecondMax'] as const;
/** For variables whose names do not follow from the settings' alone. */
export const LOGS = { dir: 'JOBRAFT_LOGS_DIR', level: 'JOBRAFT_LOG_LEVEL' } as const;
/** Of a node, and of the command line. */
export const TLS = { ca: 'JOBRAFT_TLS_CA', certificate: 'JOBRAFT_TLS_CERTIFICATE', key: 'JOBRAFT_TLS_KEY' } as const;
/** Of a node, and of the commands that use files of nodes. */
export const ENCRYPTION = { keys: 'JOBRAFT_ENCRYPTION_KEYS', key: 'JOBRAFT_ENCRYPTION_KEY' } as const;
/** Of a node, and of the commands that change the file. */
export const ACCESS = { tokens: 'JOBRAFT_ACCESS_TOKENS' } as const;
/** Of the command line. */
const OF_COMMANDS = ['JOBRAFT_ENDPOINTS', 'JOBRAFT_TOKEN', 'JOBRAFT_TOKEN_FILE'];
/** Kubernetes gives each process such variables of every service: JOBRAFT_SERVICE_HOST, JOBRAFT_NODES_PORT_7101_TCP_ADDR. */
const OF_KUBERNETES = /_SERVICE_(?:HOST|PORT)(?:_|$)|_PORT(?:_[0-9]+_[A-Z]+(?:_[A-Z]+)?)?$/;

/** `electionTimeoutMs` is overridden by `JOBRAFT_ELECTION_TIMEOUT_MS`; the group's name is left out, as in flags. */
export const variableOf = (name: string): string =>
  `${PREFIX}${kebabCase(name.slice(name.lastIndexOf('.') + 1))
    .replaceAll('-', '_')
    .toUpperCase()}`;

/** All variables that have a meaning. */
export const VARIABLES: readonly string[] = [
  ...[...TEXTS, ...NUMBERS, 'nodes', 'insecure', ...numberSettings().map(({ key }) => key)].map(variableOf),
  ...Object.values(LOGS),
  ...Object.values(TLS),
  ...Object.values(ENCRYPTION),
  ...Object.values(ACCESS),
  ...OF_COMMANDS,
];

/** Whether the value may be a key: no message shows it. */
export const isSecretVariable = (variable: string): boolean => /ENC/.test(variable);

/** A variable that was probably meant to be another one. */
export interface MisspeltVariable {
  readonly variable: string;
  readonly value: string;
  readonly meant: string;
}

/** Variables without a meaning whose names resemble one that has; all others belong to other programs. */
export function misspeltVariables(environment: NodeJS.ProcessEnv): MisspeltVariable[] {
  const known = VARIABLES.map((variable) => variable.slice(PREFIX.length));
  return Object.entries(environment).flatMap(([variable, value = '']) => {
    if (!variable.startsWith(PREFIX) || VARIABLES.includes(variable) || OF_KUBERNETES.test(variable)) return [];
    const meant = nearestName(variable.slice(PREFIX.length), known);
    return meant === undefined ? [] : [{ variable, value, meant: `${PREFIX}${meant}` }];
  });
}
