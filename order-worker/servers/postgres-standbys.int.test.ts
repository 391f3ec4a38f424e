import { onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startPostgresPair } from '#lab/servers/postgres-pair.ts';
import { createLogger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { watchPostgresStandbys } from './postgres-standbys.ts';

test('a standby is counted while it streams, its lag and the WAL that a slot keeps are told, and a lost one is gone', async () => {
  const pair = await startPostgresPair();
  onTestFinished(() => pair.stop());
  await pair.first.query("SELECT pg_create_physical_replication_slot('unread', true)");
  const registry = createRegistry();
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const url = pair.urlOf(pair.second, pair.first);
  const loop = watchPostgresStandbys({ url, registers: [registry], logger, everyMs: 50 });
  onTestFinished(() => loop.close());
  const says = (line: string) => poll(line, async () => (await registry.metrics()).includes(`\n${line}`), 20_000);
  await says('seckill_postgres_standby_wanted 1');
  await says('seckill_postgres_standbys{state="synchronous"} 1');
  await says('seckill_postgres_lag_bytes{standby="second"} 0');
  await says('seckill_postgres_slot_bytes{slot="unread"}');
  await pair.second.kill();
  await says('seckill_postgres_standbys{state="synchronous"} 0');
  await says('seckill_postgres_standby_wanted 1');
});
