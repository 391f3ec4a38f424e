import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { cdcNames } from '#contract/cdc.ts';
import { compareWithTables, readChangeFiles, tablesOf } from '#lab/kits/cdc-reader.ts';
import { writeRows } from '#lab/kits/cdc-rows.ts';
import { poll } from '#lab/poll.ts';
import { createRandom } from '#lab/random.ts';
import { cloneDatabase } from '#lab/servers/database.ts';
import { freePort } from '#lab/servers/free-port.ts';
import { spawnTied, type TiedProcess } from '#lab/servers/tied-process.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

/** Each takes as long as ZooKeeper keeps the office of the one before, 4 s. The chaos rounds kill more often. */
const kills = 1;

test('killed while orders are written, the process misses none and changes none', async () => {
  const database = await cloneDatabase();
  const pool = new Pool({ connectionString: database.url });
  const dir = temporaryDirectory('cdc-killed');
  const port = await freePort();
  let process_: TiedProcess | null = null;
  onTestFinished(async () => {
    await process_?.end('SIGKILL');
    await poll('the slot to be dropped', () =>
      pool.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [
        cdcNames.slot,
      ]),
    );
    await pool.end();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  });
  const start = () =>
    spawnTied(process.execPath, [join(import.meta.dirname, 'main.ts')], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        PATH: process.env.PATH,
        SECKILL_INSTANCE: 'cdc-test',
        SECKILL_INNER_LISTEN: `127.0.0.1:${port}`,
        SECKILL_ZOOKEEPER: inject('servers').zookeeper,
        SECKILL_CDC_DATABASE_URL: database.url,
        SECKILL_CDC_SINK: 'files',
        SECKILL_CDC_DIR: dir,
      },
    });
  const read = async () => tablesOf(await readChangeFiles(dir));

  const random = createRandom(19);
  const rows = await writeRows(pool);
  let isOver = false;
  const writers = [1, 2, 3].map(async () => {
    while (!isOver) {
      const id = await rows.order();
      await (random.chance(0.5) ? rows.expire(id) : rows.refund(id));
    }
  });
  for (let round = 0; round < kills; round += 1) {
    process_ = start();
    const before = (await read()).changes;
    await poll('more to be read', async () => (await read()).changes > before + random.int(0, 300));
    await process_.end('SIGKILL');
  }
  isOver = true;
  await Promise.all(writers);
  process_ = start();
  await poll('the files to be as the tables are', async () => {
    const { missing, different, extra } = await compareWithTables(pool, await read());
    return missing.length + different.length + extra.length === 0;
  });
  const { rows: stored } = await pool.query<{ orders: number }>('SELECT count(*)::int AS orders FROM orders');
  expect(stored[0]?.orders).toBeGreaterThan(100);
});
