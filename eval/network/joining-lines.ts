import type { LogLine } from './node-logs.ts';

const CONFIGURATION = /^Node \d+ uses the configuration of entry (?<index>\d+): (?<lists>.*)$/;

interface UsedConfiguration {
  readonly index: number;
  readonly voters: readonly number[];
  readonly joining: readonly number[];
}

/** @returns what contradicts that the node was a member without a vote first, and asked for no vote and gave none before it had one. */
export function joinFaults(lines: readonly LogLine[], node: number): string[] {
  const used = lines.flatMap((line) => configurationOf(line)).sort((one, other) => one.index - other.index);
  const joins = used.find(({ joining, voters }) => joining.includes(node) && !voters.includes(node));
  const votes = used.find(({ voters }) => voters.includes(node));
  if (joins === undefined || votes === undefined)
    return [`No log has the configuration in which node ${node} ${joins === undefined ? 'joins' : 'votes'}.`];
  const faults = votes.index > joins.index ? [] : [`Node ${node} votes as of entry ${votes.index}, and joins as of entry ${joins.index}.`];
  const votesFromMs = Math.min(
    ...lines.filter((line) => configurationOf(line).some(({ index }) => index === votes.index)).map(({ atMs }) => atMs),
  );
  const early = lines.filter((line) => line.node === node && line.atMs < votesFromMs && ['voted', 'election-timeout'].includes(line.event));
  return [...faults, ...early.map(({ text }) => `Before it was a voter: ${text}.`)];
}

function configurationOf({ event, text }: LogLine): UsedConfiguration[] {
  const groups = event === 'configuration' ? CONFIGURATION.exec(text)?.groups : undefined;
  if (groups === undefined) return [];
  const lists = new Map((groups.lists ?? '').split('; ').map((list) => [list.split(' ', 1)[0], list.match(/\d+/g)?.map(Number) ?? []]));
  return [{ index: Number(groups.index), voters: lists.get('voters') ?? [], joining: lists.get('joining') ?? [] }];
}
