import { afterAll, expect, test } from 'vitest';
import { createModel } from '#lab/models/stock-model.ts';
import {
  connectStock,
  consecutive,
  firstFailure,
  foreseenReplies,
  type Link,
  report,
  runSequence,
  seedsOfRun,
} from '#lab/models/stock-simulation.ts';
import { startRedis } from '#lab/servers/redis.ts';

// SIMULATION_SEED=<seed> replays the one sequence of that seed. 2,000 more run in the slow lane. No step restarts Redis.
const server = await startRedis();
const links: Link[] = [];
const connectTo = async (mutate = (_script: string, lua: string) => lua): Promise<Link> => {
  const link = await connectStock(server.url, mutate);
  links.push(link);
  return link;
};

afterAll(async () => {
  for (const { redis } of links) redis.disconnect();
  await server.stop();
});

test('the scripts do what the model does, through hundreds of random sequences with lost answers (I1–I7)', async () => {
  const seeds = seedsOfRun(500);
  const met = new Set<string>();
  expect(report(await firstFailure(await connectTo(), seeds, { met }))).toBe('');
  if (seeds.length > 1) expect([...met].sort(), 'every reply of every script was met').toEqual(foreseenReplies());
});

test('a model that ignores the limit is caught, and the failing sequence is shrunk to its few steps', async () => {
  const newModel = () => createModel({ ignoresLimit: true });
  const failure = await firstFailure(await connectTo(), consecutive(1, 100), { newModel });
  expect(report(failure)).toContain('limit_reached');
  // Nothing less shows it: a sale, open, and an order above the limit.
  expect(failure?.steps.map((step) => step.do)).toEqual(['preload', 'set-state', 'reserve']);
});

/** Each is a mistake that somebody might make in a script; `without` must stand in it. */
const mistakes: { mistake: string; script: string; without: string; instead: string }[] = [
  { mistake: 'no limit per user', script: 'reserve', without: 'held > limit then', instead: 'false then' },
  { mistake: 'free may fall below zero', script: 'reserve', without: 'if left < 0 or', instead: 'if' },
  { mistake: 'no outbox entry', script: 'reserve', without: "call('XADD'", instead: "tostring('XADD'" },
  {
    mistake: 'places that come again after a return',
    script: 'reserve',
    without: '+ sale[5]',
    instead: '',
  },
  {
    mistake: 'an order of old grants again',
    script: 'reserve',
    without: "call('HSETNX', reservationsKey, orderId, 'h:' .. units .. ':' .. text .. since .. userId) == 0",
    instead: "call('HSET', reservationsKey, orderId, 'h:' .. units .. ':' .. text .. since .. userId) == 2",
  },
  {
    mistake: 'the last unit has no new epoch',
    script: 'reserve',
    without: 'epoch = epoch + 1',
    instead: 'epoch = epoch + 0',
  },
  {
    mistake: 'a unit that comes back twice',
    script: 'release',
    without: "if letter == 'r' then",
    instead: 'if false then',
  },
  {
    mistake: 'a sold-out sale that stays so',
    script: 'release',
    without: "'state', 'open'",
    instead: "'state', 'sold_out'",
  },
  {
    mistake: 'withheld units that nobody counts',
    script: 'release',
    without: "'withheld', quantity)",
    instead: "'withheld', 0)",
  },
  { mistake: 'a commit of what was released', script: 'commit', without: "letter == 'r'", instead: 'false' },
  { mistake: 'a resume without stock that opens', script: 'set-state', without: "or 'sold_out'", instead: "or 'open'" },
  { mistake: 'a preload over orders', script: 'preload', without: '(state and state', instead: '(false and state' },
];

test.each(mistakes)('the simulation finds this mistake in $script: $mistake', async ({ script, without, instead }) => {
  const link = await connectTo((name, lua) => {
    if (name !== script) return lua;
    if (!lua.includes(without)) throw new Error(`${script}.lua no longer has ${without}: bring this table up to date`);
    return lua.replace(without, () => instead);
  });
  const failure = await firstFailure(link, consecutive(1, 400));
  expect(failure).not.toBeNull();
  // It is the mistake that was found: the scripts as they are pass the same steps.
  expect(await runSequence(await connectTo(), failure?.steps ?? [])).toBeNull();
});
