import { counterOf } from '../base/generation.ts';
import { assertNever } from '../base/invariant.ts';
import type { NodeEvent } from '../node/event.ts';
import type { Configuration } from '../raft/entry.ts';
import { RPC_NAMES } from '../raft/message.ts';

/** One event as a sentence. Pure; the analyser reads the fields and never the sentence. */
export function describeEvent(event: NodeEvent): string {
  const who = `Node ${event.node}`;
  switch (event.type) {
    case 'election-timeout':
      return `${who} timed out, starting election`;
    case 'role':
      return `${who} becomes ${event.role}`;
    case 'leader-known':
      return `${who} follows Node ${event.leader}, leader of term ${event.term}`;
    case 'voted':
      return `${who} votes for Node ${event.candidate} in term ${event.term}`;
    case 'truncated':
      return `${who} deletes its log from entry ${event.from} on: it conflicts with the leader's`;
    case 'configuration':
      return `${who} uses the configuration of entry ${event.index}: ${describeConfiguration(event.configuration)}`;
    case 'removed':
      return `${who} is no longer a member, as of entry ${event.by}`;
    case 'disk-lost':
      return `${who} replaces voter Node ${event.voter}, which came back with another disk`;
    case 'transfer':
      return `${who} ${TRANSFER_WORDS[event.outcome]} Node ${event.to}`;
    case 'started':
      return `${who} starts in term ${event.term} with entries up to ${event.last.index}, ${event.commit} of them known as committed`;
    case 'stopped':
      return `${who} stops: ${event.reason}`;
    case 'rpc-sent':
      return `${who} sends RPC ${RPC_NAMES[event.rpc]} to Node ${event.to}`;
    case 'peer-lost':
      return `${who} lost its channel to Node ${event.peer}`;
    case 'connection-dropped':
      return `${who} closed the connection of ${event.peer}: ${event.reason}`;
    case 'peer-rejects':
      return `${who} is rejected at ${event.address}, the address of Node ${event.peer}: ${event.reason}`;
    case 'checkpoint':
      return `${who} wrote a checkpoint up to entry ${event.index}: ${counted(event.records, 'record')} in ${event.tookMs.toFixed(1)} ms`;
    case 'compacted':
      return `${who} compacted its log up to entry ${event.upTo}`;
    case 'generation':
      return `${who} raised its file to generation ${counterOf(event.generation)}`;
    case 'supply-failed':
      return `${who} tries again later: ${event.reason}`;
    case 'snapshot-sent':
      return `${who} sent Node ${event.to} a snapshot up to entry ${event.index} in ${counted(event.chunks, 'chunk')}`;
    case 'snapshot-installed':
      return `${who} installed a snapshot up to entry ${event.index}`;
    default:
      return assertNever(event);
  }
}

const TRANSFER_WORDS = Object.freeze({
  begun: 'transfers leadership to',
  asked: 'requests an election by',
  'given-up': 'stays leader and aborts the transfer to',
});

function describeConfiguration({ voters, outgoing, learners, joining, leaving }: Configuration): string {
  const lists = { voters, outgoing, learners, joining, leaving };
  return Object.entries(lists)
    .filter(([, nodes]) => nodes.length > 0)
    .map(([name, nodes]) => `${name} ${nodes.join(', ')}`)
    .join('; ');
}

/** Number of RPCs of each kind that a node sent to each peer: by the paper's name of the RPC, then by the peer's id. */
export type RpcCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** `Node 1 sent AppendEntries: 120 to Node 2, 118 to Node 3; RequestVote: 1 to Node 2`. */
export function describeTotals(node: number, counts: RpcCounts): string {
  const kinds = Object.entries(counts).map(([rpc, peers]) => {
    const each = Object.entries(peers).map(([peer, count]) => `${count} to Node ${peer}`);
    return `${rpc}: ${each.join(', ')}`;
  });
  return `Node ${node} sent ${kinds.length === 0 ? 'no RPC' : kinds.join('; ')}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
