import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { ConfigFileError } from '../../src/config/config-file-error.ts';
import { parseNodeConfig } from '../../src/config/load-node-config.ts';
import { importXmlConfig, yamlOf } from '../../src/config/xml-config.ts';
import { jobraft } from '../cli/recorded-output.ts';

interface Parts {
  readonly id: string;
  readonly election: string;
  readonly heartbeat: string;
  readonly commit: string;
  readonly listen: string;
  readonly peers: string;
}
const PEERS = `
    <Peer><PeerID>3</PeerID><PeerAddress>localhost:2463</PeerAddress></Peer>
    <Peer><PeerID>2</PeerID><PeerAddress>localhost:2462</PeerAddress></Peer>
`;

function anXml(parts: Partial<Parts> = {}): string {
  const { id, election, heartbeat, commit, listen, peers } = {
    id: '<MyID>1</MyID>',
    election: '5000000000',
    heartbeat: '1000000000',
    commit: '<CommitTimeout>2000000000</CommitTimeout>',
    listen: 'localhost:2461',
    peers: PEERS,
    ...parts,
  };
  return `<ClusterConfig>
  ${id}
  <ElectionTimeout>${election}</ElectionTimeout>
  <HeartbeatTimeout>${heartbeat}</HeartbeatTimeout>
  ${commit}
  <ListenerAddress>${listen}</ListenerAddress>
  <Peers>${peers}</Peers>
</ClusterConfig>`;
}

function aFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-xml-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.xml');
  writeFileSync(file, text);
  return file;
}

const IMPORTED = {
  id: 1,
  cluster: 'jobraft',
  nodes: [
    { id: 1, address: 'localhost:2461' },
    { id: 2, address: 'localhost:2462' },
    { id: 3, address: 'localhost:2463' },
  ],
  dataDir: 'data/node-1',
  raft: { heartbeatMs: 1_000, electionTimeoutMs: 5_000 },
};

describe('an XML configuration of the original system', () => {
  it('becomes a node with all nodes of the cluster, itself included, and milliseconds', () => {
    expect(importXmlConfig(aFile(anXml()), 'jobraft')).toEqual(IMPORTED);
  });

  it('may name the node itself among its peers, and may have no CommitTimeout', () => {
    const self = '<Peer><PeerID>1</PeerID><PeerAddress>localhost:2461</PeerAddress></Peer>';
    expect(importXmlConfig(aFile(anXml({ peers: self + PEERS, commit: '' })), 'jobraft')).toEqual(IMPORTED);
  });

  it('may have one peer, or none', () => {
    const one = '<Peer><PeerID>2</PeerID><PeerAddress>[::1]:2462</PeerAddress></Peer>';
    expect(importXmlConfig(aFile(anXml({ peers: one })), 'a').nodes).toEqual([IMPORTED.nodes[0], { id: 2, address: '[::1]:2462' }]);
    expect(importXmlConfig(aFile(anXml({ peers: '' })), 'a')).toMatchObject({ cluster: 'a', nodes: [IMPORTED.nodes[0]] });
  });

  it('is printed as YAML, which reads as the same', async () => {
    const file = aFile(anXml());
    const { code, out, err } = await jobraft(['config', 'import', file, '--cluster', 'mails']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(yamlOf({ ...IMPORTED, cluster: 'mails' }, file));
    expect(parse(out)).toEqual({ ...IMPORTED, cluster: 'mails' });
    expect(JSON.parse((await jobraft(['config', 'import', file, '--json'])).out)).toEqual(IMPORTED);
  });

  it('is printed as YAML that a node loads: all of its settings are those of a node', async () => {
    const { out } = await jobraft(['config', 'import', aFile(anXml())]);
    const { raft, ...loaded } = parseNodeConfig(out);
    const { raft: imported, ...rest } = IMPORTED;
    expect(loaded).toMatchObject(rest);
    expect(raft).toMatchObject(imported);
  });

  it.each<readonly [what: string, text: string, message: RegExp]>([
    ['an id that is no number', anXml({ id: '<MyID>one</MyID>' }), /"MyID" has the value "one"\. Give a whole number from 1 on\./],
    ['no id', anXml({ id: '' }), /"MyID" is missing\./],
    ['two ids', anXml({ id: '<MyID>1</MyID><MyID>2</MyID>' }), /"MyID" has the value/],
    ['milliseconds', anXml({ election: '5000' }), /"ElectionTimeout" has the value "5000"\. Give whole nanoseconds from 2000000 to/],
    ['heartbeats that are too slow', anXml({ heartbeat: '4000000000' }), /"raft\.electionTimeoutMs" .* at least twice raft\.heartbeatMs/],
    ['no port', anXml({ listen: 'localhost' }), /"ListenerAddress" .*Give a host and a port/],
    ['a port that does not exist', anXml({ listen: 'localhost:99999' }), /Give a host and a port/],
    ['a peer without an address', anXml({ peers: '<Peer><PeerID>2</PeerID></Peer>' }), /"Peers\.Peer\.0\.PeerAddress" is missing/],
    [
      'two nodes with one address',
      anXml({ listen: 'localhost:2462' }),
      /node 1 at localhost:2462 and node 2 at localhost:2462 are two nodes/,
    ],
    ['an unknown element', anXml({ commit: '<CommitTimout>1</CommitTimout>' }), /"CommitTimout" .*Did you mean "CommitTimeout"\?/],
    ['another root', '<Config></Config>', /has no element <ClusterConfig>/],
    ['a tag that is not closed', '<ClusterConfig>\n<MyID>1</ClusterConfig>', /:2: not valid XML/],
    ['nothing', '', /not valid XML|has no element/],
    [
      'an entity that repeats itself',
      '<!DOCTYPE a [<!ENTITY b "&b;&b;">]><ClusterConfig><MyID>&b;</MyID></ClusterConfig>',
      /"MyID" has the value/,
    ],
    ['too many bytes', `<ClusterConfig>${' '.repeat(1024 * 1024)}</ClusterConfig>`, /A configuration has 1048576 at most/],
  ])('with %s is rejected with what to give', async (_, text, message) => {
    const file = aFile(text);
    expect(() => importXmlConfig(file, 'jobraft')).toThrow(ConfigFileError);
    const { code, out, err } = await jobraft(['config', 'import', file]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^jobraft: CONFIG_INVALID: [^\n]+\n$/);
    expect(err).toMatch(message);
  });

  it('that does not exist is rejected in one line', async () => {
    const { code, err } = await jobraft(['config', 'import', '/nowhere/config.xml']);
    expect(code).toBe(2);
    expect(err).toBe('jobraft: CONFIG_INVALID: /nowhere/config.xml does not exist. Name an XML file.\n');
  });
});
