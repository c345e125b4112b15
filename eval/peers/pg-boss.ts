import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import PgBoss from 'pg-boss';
import { messageOf, UserError } from '../measuring/user-error.ts';
import { clientVersions } from './client-version.ts';
import type { Peer, PeerConsumer, PeerConsumerOptions, PeerQueue, RunningPeer } from './peer.ts';
import { type Account, accountOf, findProgram, freePorts, ServerProcess, versionOf } from './server-process.ts';

const CONNECTIONS = 20;
/** Concurrent fetches; each takes its share of the concurrency. */
const FETCHERS = 2;
const EMPTY_PAUSE_MS = 2;
const USER = 'jobraft';
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** A queue for users who already have a database. */
export const pgBoss: Peer = {
  id: 'pg-boss',
  name: 'pg-boss on Postgres',
  nodes: 1,
  durability: 'Acknowledged when the one server has it on disk (fsync and synchronous_commit on). No second copy.',
  completion: 'Completed in batches, each one transaction on disk.',
  settings: `${CONNECTIONS} connections, ${FETCHERS} fetchers that share the concurrency as batches; 512 MB shared buffers, 4 GB between checkpoints, JIT off.`,
  addsInFlight: 200,
  missing: () => (program('postgres') === undefined ? 'Postgres is not installed (apt-get install postgresql)' : undefined),
  async start({ folder }) {
    const account = accountOf('postgres');
    const data = prepareFolder(folder, account);
    const [port] = await freePorts(1);
    if (port === undefined) throw new Error('There is no free port.');
    const server = ServerProcess.start({
      name: 'postgres',
      command: program('postgres') ?? 'postgres',
      args: ['-D', data, '-p', String(port), '-k', data],
      folder: data,
      logFile: join(folder, 'server.log'),
      ...(account === undefined ? {} : { account }),
    });
    try {
      await server.waitUntilReady(() => createDatabase(port));
      const boss = new PgBoss({ host: '127.0.0.1', port, user: USER, database: USER, max: CONNECTIONS, supervise: false, schedule: false });
      boss.on('error', () => undefined);
      await boss.start();
      return new PostgresServer(server, boss);
    } catch (error) {
      await server.stop('SIGINT');
      throw error;
    }
  },
};

function program(name: string): string | undefined {
  return findProgram(name, debianFolders());
}

/** Debian installs Postgres outside of the path; the newest first. */
function debianFolders(): string[] {
  try {
    const versions = readdirSync(DEBIAN_FOLDER).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(DEBIAN_FOLDER, version, 'bin'));
  } catch {
    return [];
  }
}

const SERVER_SETTINGS = `
listen_addresses = '127.0.0.1'
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 512MB
max_wal_size = 4GB
checkpoint_timeout = 30min
wal_compression = on
max_connections = 60
jit = off
`;

function prepareFolder(folder: string, account: Account | undefined): string {
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  if (account !== undefined) {
    chownSync(folder, account.uid, account.gid);
    chownSync(data, account.uid, account.gid);
  }
  try {
    execFileSync(program('initdb') ?? 'initdb', ['-D', data, '-U', USER, '--auth=trust', '--encoding=UTF8', '--no-locale'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: '/',
      timeout: 60_000,
      ...account,
    });
  } catch (error) {
    const remedy = 'Name a folder that the account of Postgres can reach with --data-dir.';
    throw new UserError(`Postgres cannot use ${folder}. ${remedy} ${messageOf(error)}`, { cause: error });
  }
  writeFileSync(join(data, 'postgresql.conf'), SERVER_SETTINGS);
  return data;
}

async function createDatabase(port: number): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: USER, database: 'postgres' });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${USER}`);
  } finally {
    await client.end();
  }
}

class PostgresServer implements RunningPeer {
  readonly version = versionOf(program('postgres') ?? 'postgres', '--version');
  readonly client = clientVersions('pg-boss', 'pg');
  readonly #server: ServerProcess;
  readonly #boss: PgBoss;

  constructor(server: ServerProcess, boss: PgBoss) {
    this.#server = server;
    this.#boss = boss;
  }

  async openQueue(name: string): Promise<PeerQueue> {
    const boss = this.#boss;
    await boss.createQueue(name);
    return {
      async add(payload) {
        await boss.send(name, { text: 'x'.repeat(payload.byteLength) });
      },
      consume: async (options) => consume(boss, name, options),
      close: async () => undefined,
    };
  }

  async stop(): Promise<void> {
    await this.#boss.stop({ graceful: false, wait: true, timeout: 5000 });
    // Postgres takes SIGTERM as "when the last client has left"; SIGINT stops it gracefully.
    await this.#server.stop('SIGINT');
  }
}

/** By fetch and complete: pg-boss's own `work` polls at most twice a second, which would measure its pause. */
function consume(boss: PgBoss, name: string, { concurrency, onCompleted, onError }: PeerConsumerOptions): PeerConsumer {
  let isClosing = false;
  const batchSize = Math.ceil(concurrency / FETCHERS);
  const fetcher = async (): Promise<void> => {
    while (!isClosing) {
      const jobs = await boss.fetch(name, { batchSize });
      if (jobs.length === 0) {
        await sleep(EMPTY_PAUSE_MS);
        continue;
      }
      await boss.complete(
        name,
        jobs.map(({ id }) => id),
      );
      onCompleted(jobs.length);
    }
  };
  const fetchers = Array.from({ length: FETCHERS }, () => fetcher().catch(onError));
  return {
    async close() {
      isClosing = true;
      await Promise.all(fetchers);
    },
  };
}
