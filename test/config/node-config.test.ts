import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/registry.ts';
import { parseClusterConfig } from '../../src/config/load-cluster-config.ts';
import { loadNodeConfig, parseNodeConfig } from '../../src/config/load-node-config.ts';
import { misspeltVariables, VARIABLES } from '../../src/config/variables.ts';

const file = (id: number): string => resolve(import.meta.dirname, `../../config/node-${id}.yaml`);
const text = readFileSync(file(1), 'utf8');

describe('the configuration of a node', () => {
  it.each([1, 2, 3])('is ready to run for node %i, with the defaults of a cluster', (id) => {
    const { raft, limits, durability } = parseClusterConfig('');
    expect(loadNodeConfig(file(id))).toEqual({
      ...{
        id,
        cluster: 'jobraft',
        dataDir: `data/node-${id}`,
        insecure: false,
        durability,
        holderGraceMs: 30_000,
        clientConnectionsMax: 1_000,
        clientCallsMax: 5_000,
        clientRequestsPerSecondMax: 0,
        raft,
        limits,
        join: false,
      },
      nodes: [1, 2, 3].map((node) => ({ id: node, address: `127.0.0.1:710${node}` })),
    });
  });

  it('is ready to run for node 4, which joins: its id is one of the list', () => {
    expect(loadNodeConfig(file(4))).toMatchObject({
      ...{ id: 4, cluster: 'jobraft', dataDir: 'data/node-4', join: false },
      nodes: [1, 2, 3, 4].map((node) => ({ id: node, address: `127.0.0.1:710${node}` })),
    });
  });

  it('is overridden by variables of the environment, and other variables are ignored', () => {
    const config = parseNodeConfig(text, {
      ...{ JOBRAFT_ID: '7', JOBRAFT_NODES: '7=[::1]:9001,8=localhost:9002', JOBRAFT_DATA_DIR: '/srv/7', JOBRAFT_CLUSTER: 'mail' },
      ...{ JOBRAFT_HEARTBEAT_MS: '20', JOBRAFT_ELECTION_TIMEOUT_MS: '90', JOBRAFT_DURABILITY: 'off', JOBRAFT_HOLDER_GRACE_MS: '0' },
      ...{ JOBRAFT_LOGS_DIR: 'logs', JOBRAFT_LOG_LEVEL: 'debug', JOBRAFT_SERVICE_HOST: '10.0.0.1' },
    });
    expect(config).toMatchObject({
      ...{
        id: 7,
        cluster: 'mail',
        dataDir: '/srv/7',
        durability: 'off',
        holderGraceMs: 0,
        raft: { heartbeatMs: 20, electionTimeoutMs: 90 },
      },
      nodes: [
        { id: 7, address: '[::1]:9001' },
        { id: 8, address: 'localhost:9002' },
      ],
      logs: { dir: 'logs', level: 'debug' },
    });
  });

  it.each([
    ['JOBRAFT_DATADIR', 'JOBRAFT_DATA_DIR'],
    ['JOBRAFT_LOGS_LEVEL', 'JOBRAFT_LOG_LEVEL'],
    ['JOBRAFT_HEARTBEAT_MSEC', 'JOBRAFT_HEARTBEAT_MS'],
    ['JOBRAFT_NODE', 'JOBRAFT_NODES'],
  ])('is rejected with the nearest name for the variable %s', (variable, meant) => {
    expect(() => parseNodeConfig(text, { [variable]: 'x' })).toThrow(
      `environment: "${variable}" has the value "x". There is no such variable. Did you mean ${meant}?`,
    );
  });

  it('ignores variables of other programs, as Kubernetes makes them', () => {
    const others = [
      'SERVICE_HOST',
      'CLUSTER_SERVICE_PORT_GRPC',
      'NODES_PORT',
      'ID_PORT_7101_TCP_ADDR',
      'NODES_PORT_7101_TCP',
      'KILLS',
      'ENDPOINTS',
    ];
    expect(misspeltVariables(Object.fromEntries([...others.map((name) => [`JOBRAFT_${name}`, 'x']), ['DATADIR', 'x']]))).toEqual([]);
  });

  it('has tokens only with certificates: without them any program could call as a node', () => {
    const access = { JOBRAFT_ACCESS_TOKENS: 'tokens.json' };
    expect(() => parseNodeConfig(text, access)).toThrow(/JOBRAFT_ACCESS_TOKENS: "access\.tokens" .*tokens protect nothing/);
    const tls = { JOBRAFT_TLS_CA: 'ca.crt', JOBRAFT_TLS_CERTIFICATE: '1.crt', JOBRAFT_TLS_KEY: '1.key' };
    expect(parseNodeConfig(text, { ...access, ...tls })).toMatchObject({ access: { tokens: 'tokens.json' } });
  });

  it('has every variable that the help names', () => {
    const named = COMMANDS.flatMap(({ examples }) => examples.flatMap((example) => example.match(/\bJOBRAFT_[A-Z_]+/g) ?? []));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !VARIABLES.includes(name))).toEqual([]);
  });

  it.each([
    ['the file', `${text}\ninsecure: true\n`, {}],
    ['the environment', text, { JOBRAFT_INSECURE: 'true' }],
    ['the environment, against the file', `${text}\ninsecure: false\n`, { JOBRAFT_INSECURE: 'true' }],
  ])('accepts addresses beyond this machine by the opt-in of %s', (_where, given, environment) => {
    const { nodes, insecure } = parseNodeConfig(given, { ...environment, JOBRAFT_NODES: '1=10.0.0.1:7101,2=node-2.example.org:7101' });
    expect({ insecure, addresses: nodes.map(({ address }) => address) }).toEqual({
      ...{ insecure: true, addresses: ['10.0.0.1:7101', 'node-2.example.org:7101'] },
    });
  });

  it('has its keys from the file or the environment, and never shows one, also under a misspelt name', () => {
    expect(parseNodeConfig(`${text}\nencryption: { keys: a.keys }`).encryption).toEqual({ keys: 'a.keys' });
    expect(parseNodeConfig(text, { JOBRAFT_ENCRYPTION_KEYS: 'b.keys' }).encryption).toEqual({ keys: 'b.keys' });
    expect(parseNodeConfig(text, { JOBRAFT_ENCRYPTION_KEY: 'hush' }).encryption).toEqual({ key: 'hush' });
    const rejected: readonly (() => unknown)[] = [
      () => parseNodeConfig(`${text}\nencryption: { keys: a.keys }`, { JOBRAFT_ENCRYPTION_KEY: 'hush' }),
      () => parseNodeConfig(text, { JOBRAFT_ENCRYPTON_KEY: 'hush' }),
      () => parseNodeConfig(`${text}\nencryption: hush`),
      () => parseNodeConfig(`${text}\nencription: { key: hush }`),
      () => parseNodeConfig(`${text}\nencryption: { kye: hush }`),
      () => parseNodeConfig(`${text}\nencryption: { key: [hush] }`),
    ];
    for (const parse of rejected) {
      expect(parse).toThrow(/ncr[iy]pt/i);
      expect(parse).not.toThrow(/hush/);
    }
  });

  it('has the address of its metrics from the command line, the environment or the file, in this order', () => {
    const [written, variable] = [`${text}\nmetrics: 127.0.0.1:1\n`, { JOBRAFT_METRICS: '[::1]:2' }];
    expect(parseNodeConfig(text).metrics).toBeUndefined();
    expect(parseNodeConfig(written).metrics).toBe('127.0.0.1:1');
    expect(parseNodeConfig(written, variable).metrics).toBe('[::1]:2');
    expect(parseNodeConfig(written, variable, 'node.yaml', { metrics: 'localhost:3' }).metrics).toBe('localhost:3');
  });

  it('accepts an address of metrics beyond this machine only by the same opt-in', () => {
    const beyond = (environment: NodeJS.ProcessEnv, flags = {}) => parseNodeConfig(text, environment, 'node.yaml', flags);
    expect(() => beyond({ JOBRAFT_METRICS: '0.0.0.0:9464' })).toThrow(/JOBRAFT_METRICS: "metrics".*only an address of this machine/);
    expect(() => beyond({}, { metrics: '10.0.0.1:9464' })).toThrow(/--metrics: "metrics" has the value "10\.0\.0\.1:9464"/);
    expect(() => beyond({}, { metrics: '9464' })).toThrow(/Give a host and a port/);
    expect(beyond({ JOBRAFT_INSECURE: 'true' }, { metrics: '0.0.0.0:9464' }).metrics).toBe('0.0.0.0:9464');
  });

  it('does not take another text than true for the opt-in', () => {
    expect(() => parseNodeConfig(text, { JOBRAFT_INSECURE: '1' })).toThrow(
      /JOBRAFT_INSECURE: "insecure" has the value "1"\. Give true or false/,
    );
    expect(() => parseNodeConfig(text, { JOBRAFT_INSECURE: 'false', JOBRAFT_NODES: '1=10.0.0.1:7101' })).toThrow(/JOBRAFT_INSECURE=true/);
  });

  it.each([
    [
      'another host',
      { JOBRAFT_NODES: '1=10.0.0.1:7101' },
      /JOBRAFT_NODES: "nodes\.0\.address" has the value "10\.0\.0\.1:7101"\. Without certificates/,
    ],
    ['all addresses', { JOBRAFT_NODES: '1=0.0.0.0:7101' }, /Without certificates/],
    ['a name that only begins like an address of this machine', { JOBRAFT_NODES: '1=127.0.0.1.example.org:7101' }, /Without certificates/],
    ['no port', { JOBRAFT_NODES: '1=127.0.0.1' }, /Give a host and a port/],
    ['an id that is not in the list', { JOBRAFT_ID: '4' }, /JOBRAFT_ID: "id" has the value 4\. Give an id that "nodes" lists/],
    ['a text for a number', { JOBRAFT_HEARTBEAT_MS: 'soon' }, /JOBRAFT_HEARTBEAT_MS: "raft\.heartbeatMs" has the value "soon"/],
    ['a time below zero', { JOBRAFT_HOLDER_GRACE_MS: '-1' }, /JOBRAFT_HOLDER_GRACE_MS: "holderGraceMs" .*from 0 to 86400000; the default/],
    ['an address twice', { JOBRAFT_NODES: '1=127.0.0.1:1,2=127.0.0.1:1' }, /an id and an address of its own/],
    ['a cluster name with a space', { JOBRAFT_CLUSTER: 'my mail' }, /JOBRAFT_CLUSTER: "cluster"/],
  ])('is rejected with the place and the remedy for %s', (_what, environment, message) => {
    expect(() => parseNodeConfig(text, environment)).toThrow(message);
  });

  it('is rejected with the line and the nearest name for an unknown setting', () => {
    expect(() => parseNodeConfig(`${text}\ndatadir: x\n`, {}, 'node-1.yaml')).toThrow(
      /node-1\.yaml:\d+: "datadir".*Did you mean "dataDir"/,
    );
  });
});
