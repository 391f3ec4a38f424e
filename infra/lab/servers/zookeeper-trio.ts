import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireProgram } from '#infra/stack/host/binaries.ts';
import { zookeeperArgs, zookeeperConfig, zookeeperLogin } from '#infra/stack/servers/zookeeper-config.ts';
import { zookeeperClasspath } from '#infra/stack/servers/zookeeper-server.ts';
import { readEnsemble } from '#runtime/zookeeper/topology.ts';
import { poll } from '../poll.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { freePort } from './free-port.ts';
import { spawnTied, type TiedProcess } from './tied-process.ts';

export type ZooKeeperOfTrio = {
  /** host:port */
  address: string;
  /** Dies as by a kill, and keeps its directory. */
  kill(): Promise<void>;
  /** Stands still, with its connections open. */
  pause(): void;
  resume(): void;
  /** Starts the one that was killed. It is in the quorum some seconds later: see `whole`. */
  start(): void;
};

export type ZooKeeperTrio = {
  servers: readonly ZooKeeperOfTrio[];
  /** host:port of all, with commas. */
  connection: string;
  /** Resolves once all three are in one quorum. */
  whole(): Promise<void>;
  /** The one that leads now. */
  leader(): Promise<ZooKeeperOfTrio>;
  stop(): Promise<void>;
};

/** Three real ZooKeeper in one quorum, with the configuration of the local stack, in 2 to 10 s. */
export async function startZooKeeperTrio(): Promise<ZooKeeperTrio> {
  const dir = temporaryDirectory('zookeeper');
  const loginFile = join(dir, 'login.conf');
  writeFileSync(loginFile, zookeeperLogin('secret'), { mode: 0o600 });
  const ensemble = await Promise.all(
    [1, 2, 3].map(async (id) => ({ id, quorumPort: await freePort(), electionPort: await freePort() })),
  );
  const servers = await Promise.all(
    ensemble.map(async ({ id }) => {
      const port = await freePort();
      const dataDir = join(dir, String(id));
      const configFile = join(dir, `${id}.cfg`);
      mkdirSync(dataDir);
      writeFileSync(join(dataDir, 'myid'), String(id));
      writeFileSync(configFile, zookeeperConfig({ port, dataDir, ensemble }));
      return serverOf({ port, configFile, loginFile, log: openSync(join(dir, `${id}.log`), 'a') });
    }),
  );
  const connection = servers.map(({ address }) => address).join(',');
  const look = () => readEnsemble(connection);
  const trio: ZooKeeperTrio = {
    servers,
    connection,
    whole: async () => {
      await poll('the quorum of all three', async () => (await look()).every(({ kind }) => kind === 'serving'));
    },
    leader: () =>
      poll('a leader', async () => {
        const index = (await look()).findIndex((each) => each.kind === 'serving' && each.role === 'leader');
        return servers[index] ?? null;
      }),
    stop: async () => void (await Promise.all(servers.map((server) => server.kill()))),
  };
  await trio.whole();
  return trio;
}

function serverOf(options: { port: number; configFile: string; loginFile: string; log: number }): ZooKeeperOfTrio {
  const { port, configFile, loginFile, log } = options;
  const java = requireProgram('java', process.env.PATH ?? '');
  const classpath = zookeeperClasspath({ zookeeperClasspath: process.env.SECKILL_ZOOKEEPER_CLASSPATH });
  const args = zookeeperArgs({ classpath, configFile, loginFile });
  const spawn = () => spawnTied(java, args, { stdio: ['ignore', log, log] });
  let life: TiedProcess = spawn();
  return {
    address: `127.0.0.1:${port}`,
    kill: () => life.end('SIGKILL'),
    pause: () => void life.child.kill('SIGSTOP'),
    resume: () => void life.child.kill('SIGCONT'),
    start: () => {
      life = spawn();
    },
  };
}
