import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Admin } from '@platformatic/kafka';
import { findProgram } from '#infra/stack/host/binaries.ts';
import { checkoutDir } from '#infra/stack/host/run-directory.ts';
import { poll } from '../poll.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { freePort } from './free-port.ts';
import { spawnTied, type TiedProcess } from './tied-process.ts';

const run = promisify(execFile);

export type KafkaFiles = { java: string; jars: string };

/** Java, and the jars that `npm run setup:kafka` has fetched; else null: what needs them is skipped then, and says so. */
export function findKafka(): KafkaFiles | null {
  const script = readFileSync(join(checkoutDir, 'infra/setup/kafka.sh'), 'utf8');
  const [version, debezium] = ['version', 'debezium'].map(
    (name) => new RegExp(`^${name}=(\\S+)$`, 'm').exec(script)?.[1],
  );
  const jars = join(checkoutDir, `.run/bin/kafka-${version}-debezium-${debezium}`);
  const java = findProgram('java', process.env.PATH ?? '');
  return java === null || !existsSync(jars) ? null : { java, jars };
}

export type KafkaServer = {
  port: number;
  /** `127.0.0.1:port`. */
  address: string;
  start: () => Promise<void>;
  /** As by a lost machine: no word to anyone. */
  kill: () => Promise<void>;
  stop: () => Promise<void>;
};

/**
 * A real Kafka: one broker that is its own controller, on free ports of 127.0.0.1, its data in a directory of its own. `settings` are
 * added to those of the server. `stop` when done.
 */
export async function startKafka(
  { java, jars }: KafkaFiles,
  options: { settings?: Readonly<Record<string, string>>; listener?: string } = {},
): Promise<KafkaServer> {
  const { settings = {}, listener = 'PLAINTEXT' } = options;
  const home = temporaryDirectory('kafka');
  const [port, controllerPort, innerPort] = [await freePort(), await freePort(), await freePort()];
  const file = join(home, 'server.properties');
  const data = join(home, 'data');
  await mkdir(data);
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `CLIENT://127.0.0.1:${port},INNER://127.0.0.1:${innerPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${port},INNER://127.0.0.1:${innerPort}`,
    'listener.security.protocol.map': `CLIENT:${listener},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'INNER',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'num.partitions': '3',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    ...settings,
  };
  await writeFile(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const classes = ['-cp', `${jars}/*`];
  await run(java, [...classes, 'kafka.tools.StorageTool', 'format', '-t', 'c2Vja2lsbC1rYWZrYS0wMQ', '-c', file]);
  let server: TiedProcess | null = null;
  const start = async () => {
    server = spawnTied(
      java,
      ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...classes, 'kafka.Kafka', file],
      {
        stdio: ['ignore', 'ignore', 'ignore'],
      },
    );
    await poll('Kafka to answer', () => answers(innerPort), 60_000);
  };
  await start();
  return {
    port,
    address: `127.0.0.1:${port}`,
    start,
    kill: async () => server?.end('SIGKILL'),
    stop: async () => {
      await server?.end('SIGKILL');
      await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const admin = new Admin({
    clientId: 'lab',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    connectTimeout: 500,
  });
  try {
    await admin.listTopics();
    return true;
  } finally {
    await admin.close();
  }
}
