import { expect, test } from 'vitest';
import { connectStock, firstFailure, foreseenReplies, report, seedsOfRun } from '#lab/models/stock-simulation.ts';
import { startRedis } from '#lab/servers/redis.ts';

test('the scripts do what the model does, through thousands of random sequences with lost answers (I1–I7)', async () => {
  const seeds = seedsOfRun(2000);
  const met = new Set<string>();
  const server = await startRedis();
  const link = await connectStock(server.url);
  try {
    expect(report(await firstFailure(link, seeds, { met }))).toBe('');
    if (seeds.length > 1) expect([...met].sort(), 'every reply of every script was met').toEqual(foreseenReplies());
  } finally {
    link.redis.disconnect();
    await server.stop();
  }
});
