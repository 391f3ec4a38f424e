import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Consumer } from '@platformatic/kafka';
import { Pool } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type CdcRow, type CdcTable, cdcTableNames, cdcTables, cdcTopic } from '#contract/cdc.ts';
import { writeRows } from '#lab/kits/cdc-rows.ts';
import { poll } from '#lab/poll.ts';
import { freePort } from '#lab/servers/free-port.ts';
import { findKafka, startKafka } from '#lab/servers/kafka.ts';
import { privateRunDir } from '#lab/servers/private-run.ts';
import { spawnTied } from '#lab/servers/tied-process.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { startStack } from '../../stack/stack.ts';

const files = findKafka();

/** The last of each row that a topic holds, by key; and by which keys of Kafka they came. */
async function readTopic(address: string, table: CdcTable) {
  const consumer = new Consumer({ clientId: 'test', groupId: crypto.randomUUID(), bootstrapBrokers: [address] });
  const rows = new Map<string, CdcRow>();
  const orders = new Map<string, string>();
  const columns: { key: string; orderId: string } = cdcTables[table];
  const stream = await consumer.consume({ topics: [cdcTopic(table)], mode: 'earliest', autocommit: false });
  stream.on('data', ({ key, value }: { key: Buffer; value: Buffer | null }) => {
    const after = value === null ? null : (JSON.parse(String(value)) as { after: CdcRow | null }).after;
    if (after === null) return;
    rows.set(String(after[columns.key]), after);
    orders.set(String(key), String(after[columns.orderId]));
  });
  return { rows, orders, close: () => consumer.close(true) };
}

test.skipIf(files === null)(
  'a real Kafka Connect with Debezium reads by the connector file what our own process reads (npm run setup:kafka)',
  async () => {
    if (files === null) return;
    const dir = privateRunDir('parts');
    const home = temporaryDirectory('debezium');
    const stack = await startStack({ dir, only: ['postgres'], port: 'any', environment: process.env });
    onTestFinished(async () => {
      await stack.stop();
      await Promise.all([dir, home].map((each) => rm(each, { recursive: true, force: true })));
    });
    const kafka = await startKafka(files, { settings: { 'auto.create.topics.enable': 'true' } });
    onTestFinished(kafka.stop);
    const pool = new Pool({ connectionString: stack.environment.SECKILL_DATABASE_URL });
    onTestFinished(() => pool.end());
    const rows = await writeRows(pool);
    const before = await rows.order();

    const database = new URL(stack.environment.SECKILL_CDC_DATABASE_URL ?? '');
    const worker = {
      'bootstrap.servers': kafka.address,
      'offset.storage.file.filename': join(home, 'offsets'),
      listeners: `http://127.0.0.1:${await freePort()}`,
      'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'config.providers': 'env',
      'config.providers.env.class': 'org.apache.kafka.common.config.provider.EnvVarConfigProvider',
    };
    const settings = join(home, 'worker.properties');
    await writeFile(
      settings,
      Object.entries(worker)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const connect = spawnTied(
      files.java,
      [
        ...['-Xmx384m', '-XX:+UseSerialGC', '-cp', `${files.jars}/*`, 'org.apache.kafka.connect.cli.ConnectStandalone'],
        ...[settings, join(import.meta.dirname, 'debezium-connector.json')],
      ],
      {
        stdio: ['ignore', 'ignore', 'ignore'],
        env: {
          PATH: process.env.PATH,
          SECKILL_CDC_HOST: database.hostname,
          SECKILL_CDC_PORT: database.port,
          SECKILL_CDC_PASSWORD: decodeURIComponent(database.password),
        },
      },
    );
    onTestFinished(() => connect.end('SIGKILL'));
    await poll(
      'the slot of Debezium to be read',
      async () => {
        const found = await pool.query("SELECT active FROM pg_replication_slots WHERE slot_name = 'seckill_debezium'");
        return found.rows[0]?.active === true;
      },
      90_000,
    );
    await rows.refund(await rows.order());
    await rows.expire(before);

    for (const table of cdcTableNames) {
      const topic = await poll(`the topic of ${table}`, () => readTopic(kafka.address, table), 60_000);
      try {
        const { key, columns }: { key: string; columns: Readonly<Record<string, string>> } = cdcTables[table];
        const stored = await pool.query<Record<string, unknown>>(
          `SELECT ${Object.keys(columns).join(', ')} FROM ${table}`,
        );
        await poll(`every row of ${table}`, () => topic.rows.size === stored.rows.length, 30_000);
        for (const row of stored.rows) {
          const seen = topic.rows.get(String(row[key])) ?? {};
          expect([table, Object.keys(seen).sort()]).toEqual([table, Object.keys(columns).sort()]);
        }
        for (const [orderKey, orderId] of topic.orders) expect([table, orderKey]).toEqual([table, orderId]);
      } finally {
        await topic.close();
      }
    }
    const { rows: orders } = await readTopicOnce(kafka.address, 'orders', before, 'expired');
    expect(orders.get(before)).toMatchObject({
      state: 'expired',
      version: 2,
      quantity: 1,
      amount: 100,
      currency: 'CNY',
    });
    expect(orders.get(before)?.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/);
  },
  180_000,
);

async function readTopicOnce(address: string, table: CdcTable, key: string, state: string) {
  const topic = await readTopic(address, table);
  await poll(`${key} to be ${state}`, () => topic.rows.get(key)?.state === state, 30_000);
  await topic.close();
  return topic;
}
