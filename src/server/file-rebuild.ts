import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { Exclusive } from '../cluster/exclusive.ts';
import { type RebuildReply, Rebuilds } from '../cluster/rebuilds.ts';
import type { NodeConfig } from '../config/node-config.ts';
import { moveDamagedAside } from '../storage/damaged-file.ts';
import type { StorageError } from '../storage/errors.ts';
import { channelOptions } from '../transport/grpc/channel-options.ts';
import type { ChannelSecurity } from '../transport/grpc/channel-security.ts';
import { type AskToRebuildResponseProto, type RaftClient, raftClient } from '../transport/grpc/raft-service.ts';
import { AddressBook } from './address-book.ts';
import { NodeIdentity } from './node-identity.ts';
import { FILE } from './node-server.ts';

const CALL_MS_MAX = 3_000;
const MESSAGE_BYTES_MAX = 1024 * 1024;
const LIVES = 2 ** 40;

export interface FileRebuildOptions {
  readonly config: NodeConfig;
  readonly damage: StorageError;
  readonly security: ChannelSecurity;
  readonly isClosed: () => boolean;
}

/**
 * Moves a damaged file aside, once the leader confirms that a majority without it has everything that was acknowledged. The node does not run
 * meanwhile, so no change of members can count on the file.
 * @returns the new path of the file. @throws {StorageError} the damage, with the reason, if that is not confirmed within a minute.
 */
export async function moveAsideIfGranted({ config, damage, security, isClosed }: FileRebuildOptions): Promise<string> {
  const { cluster, addresses } = folderOf(config, damage);
  const channels = { options: channelOptions(MESSAGE_BYTES_MAX), security };
  const clients = [...addresses].map(([node, address]) => raftClient(address, channels, node));
  // Questions of earlier lives had others.
  const life = randomInt(LIVES);
  const rebuilds = new Rebuilds({
    dataDir: undefined,
    ask: async (node, question) => {
      const replies = await Promise.all(clients.map((client) => ask(client, { cluster, node, question: life + question })));
      const leaders = replies.filter(({ isFromLeader }) => isFromLeader);
      return leaders.find(({ rejection }) => rejection === undefined) ?? leaders[0] ?? { isFromLeader: false, rejection: undefined };
    },
    unfinished: async () => [],
    // The leader knows.
    areOthersRunning: () => true,
    isClosed,
    exclusive: new Exclusive(),
  });
  try {
    const count = addresses.size + 1;
    if (addresses.size <= count / 2) {
      const message = `a cluster of ${count} ${count === 1 ? 'node' : 'nodes'} has no majority without this node.`;
      throw await rebuilds.rejected(config.id, { message, isFinal: true }, damage);
    }
    return await rebuilds.run(config.id, { replace: async () => moveDamagedAside(join(config.dataDir, FILE)) }, damage);
  } finally {
    for (const client of clients) client.close();
  }
}

/** The folder is locked only while it is read. @throws {StorageError} */
function folderOf({ id, cluster: name, dataDir, nodes }: NodeConfig, damage: StorageError) {
  using identity = NodeIdentity.open(dataDir, name, id);
  if (identity.formed === undefined) throw damage;
  const book = new AddressBook({ own: id, stored: identity.addresses, store: (stored) => identity.onAddresses(stored) });
  book.onConfigured(nodes);
  const others = book.of(book.nodes.filter((node) => node !== id));
  return { cluster: identity.formed.cluster, addresses: others };
}

function ask(
  client: RaftClient,
  question: { readonly cluster: number; readonly node: number; readonly question: number },
): Promise<RebuildReply> {
  return new Promise((resolve) => {
    client.AskToRebuild(question, { deadline: Date.now() + CALL_MS_MAX }, (error, response) => {
      resolve(error === null && response !== undefined ? replyOf(response) : { isFromLeader: false, rejection: undefined });
    });
  });
}

function replyOf({ from_leader: isFromLeader, granted, reason: message, is_final: isFinal }: AskToRebuildResponseProto): RebuildReply {
  return { isFromLeader, rejection: granted ? undefined : { message, isFinal } };
}
