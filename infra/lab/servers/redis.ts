import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { choosePorts, type PortBlock, reservePortBlock } from '#infra/stack/host/ports.ts';
import { spawnTied, type TiedProcess } from './tied-process.ts';

export type TestRedis = {
  url: string;
  /** Knows the password, and waits for a server that is away. */
  client: Redis;
  /** Stands still, with its connections open. */
  pause(): void;
  resume(): void;
  /** Dies as by a kill. */
  kill(): Promise<void>;
  /** Is there again at the same address, empty. */
  revive(): Promise<void>;
  stop(): Promise<void>;
};

/** The rights that docs/redis.md gives to our Redis users. */
export const aclRights = ['~*', '&*', '+@all', '-@admin', '+config|get'];

/** `authority`: the file of what a client must trust. */
export type RedisTls = { certificate: string; certificateKey: string; authority: string };

/**
 * A real Redis of a file's own in some 20 ms, without a disk: for files whose subject is not what a Redis keeps through
 * its death. On a port of 127.0.0.1, or on `socket`. `password`: what clients must know, as `user`
 * where that is given (the default user is off then). With `tls` it speaks nothing else, as localhost. `replicaOf`: it follows that one, which has
 * no password.
 */
export async function startRedis(
  options: { socket?: string; password?: string; user?: string; tls?: RedisTls; replicaOf?: TestRedis } = {},
): Promise<TestRedis> {
  const { socket, password = '', user = '', tls, replicaOf } = options;
  const block = socket === undefined ? await reservePortBlock(crypto.randomUUID()) : null;
  const port = block === null ? 0 : await portOf(block);
  const args = [
    ...[
      tls === undefined ? '--port' : '--tls-port',
      String(port),
      '--bind',
      '127.0.0.1',
      ...(socket === undefined ? [] : ['--unixsocket', socket]),
    ],
    ...['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'],
    ...['--repl-diskless-sync-delay', '0', '--repl-diskless-load', 'swapdb'],
    ...(replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', new URL(replicaOf.url).port]),
    ...(password === '' || user !== '' ? [] : ['--requirepass', password]),
    ...(user === '' ? [] : ['--user', user, 'on', `>${password}`, ...aclRights, '--user', 'default', 'off']),
    ...(tls === undefined ? [] : ['--port', '0', '--tls-auth-clients', 'no', '--tls-ca-cert-file', tls.authority]),
    ...(tls === undefined ? [] : ['--tls-cert-file', tls.certificate, '--tls-key-file', tls.certificateKey]),
  ];
  let server = await startRedisServer(args);
  const login = password === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  const url = tls === undefined ? `redis://${login}127.0.0.1:${port}` : `rediss://${login}localhost:${port}`;
  const patience = { retryStrategy: () => 20, maxRetriesPerRequest: null };
  const auth = {
    ...(password === '' ? {} : { password }),
    ...(tls === undefined ? {} : { tls: { ca: readFileSync(tls.authority) } }),
  };
  const client =
    socket === undefined ? new Redis(url, { ...auth, ...patience }) : new Redis(socket, { ...auth, ...patience });
  client.on('error', () => {}); // after it was stopped
  return {
    url,
    client,
    pause: () => void server.child.kill('SIGSTOP'),
    resume: () => void server.child.kill('SIGCONT'),
    kill: () => server.end('SIGKILL'),
    async revive() {
      server = await startRedisServer(args);
    },
    async stop() {
      client.disconnect();
      await server.end('SIGKILL');
      await block?.release();
    },
  };
}

async function portOf(block: PortBlock): Promise<number> {
  const { redis } = await choosePorts(block.base, ['redis'], {});
  if (redis === undefined) throw new Error('no port was chosen for Redis');
  return redis;
}

/** Resolves when it takes connections; with `--sentinel` among its arguments, when it watches. */
export async function startRedisServer(args: readonly string[]): Promise<TiedProcess> {
  const server = spawnTied('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { stdout } = server.child;
  if (stdout === null) throw new Error('redis-server has no output');
  const ended = once(server.child, 'exit').then(() => null);
  let said = '';
  const up = args.includes('--sentinel') ? /\+monitor master/ : /ready to accept connections/i;
  const isUp = () => up.test(said); // on a port and on a socket it says so differently
  const listening = new Promise<true>((resolve) => {
    stdout.on('data', (text: Buffer) => {
      if (isUp()) return;
      said += text.toString();
      if (isUp()) resolve(true);
    });
  });
  if ((await Promise.race([listening, ended])) === null) throw new Error(`redis-server ended:\n${said}`);
  return server;
}
