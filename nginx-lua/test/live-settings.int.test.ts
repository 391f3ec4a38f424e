import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import {
  ask,
  buy,
  edgeOffice,
  refusal,
  saleOf,
  seenOf,
  startEdge,
  type TestEdge,
  ticketFor,
  ticketKeys,
} from '#lab/servers/edge.ts';

let edge: TestEdge;
let version = 0;

beforeAll(async () => {
  edge = await startEdge({}, [], { beforeStart: addAge });
});
afterAll(() => edge.stop());
/** What the tests before have set is over: an edge takes settings of a newer version only. */
beforeEach(async () => {
  version += 10;
  const settings = { version, limits: {}, maintenance: null };
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')], settings, keys: text(ticketKeys) });
  edge.forgetSeen();
});

/** A place on the inner address that makes the agent's last word an hour old. */
async function addAge(config: string): Promise<void> {
  const file = join(dirname(config), 'conf.d/inner-server.conf');
  const age = `location = /age {
    content_by_lua_block { ngx.shared.seckill_marks:set('stream_at', ngx.now() - 3600) ngx.say('aged') }
  }`;
  await writeFile(file, (await readFile(file, 'utf8')).replace('location = /healthz', `${age}\n  location = /healthz`));
}

const text = (keys: typeof ticketKeys) => keys.map(({ id, secret }) => `${id}:${secret}`).join(',');
const newest = { id: 'k3', secret: 'the newest secret of the edge tests: 32 or more' };
const buyWith = async (key: (typeof ticketKeys)[number]) =>
  (await buy(edge, 'open', { 'seckill-ticket': ticketFor('open', { keys: [key] }) })).status;

test('a limit takes effect in every worker with the answer to the line, and falls back when it is not named', async () => {
  const set = async (limits: { userPerSecond?: number; userBurst?: number }, nth: number) => {
    const answer = await edge.agent.sendAll({
      type: 'settings',
      settings: { version: version + nth, limits, maintenance: null },
    });
    return answer.limits;
  };
  expect(await set({ userPerSecond: 1, userBurst: 2 }, 1)).toMatchObject({ userPerSecond: 1, userBurst: 2 });
  const burst = async (userId: string) => {
    const shots = Array.from({ length: 8 }, () =>
      buy(edge, 'open', { 'seckill-ticket': ticketFor('open', { userId }) }),
    );
    return (await Promise.all(shots)).filter(({ status }) => status === 202).length;
  };
  const from = performance.now();
  const passed = await burst('hasty');
  expect(passed).toBeGreaterThanOrEqual(2);
  // A third only half a second later, and one more after each further second.
  expect(passed).toBeLessThanOrEqual(2.5 + (performance.now() - from) / 1000);
  expect(await set({}, 2)).toMatchObject({ userPerSecond: 10, userBurst: 20 });
  expect(await burst('another')).toBe(8);
});

test('maintenance answers 503 on every route that does work and keeps the others', async () => {
  const ofNewerEdges: object = { everything: 1 }; // a limit that this edge does not have keeps nothing else away
  await edge.agent.sendAll({
    type: 'settings',
    settings: { version: version + 1, limits: ofNewerEdges, maintenance: { retryAfterSeconds: 17 } },
  });
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  // Of a repeat it is no word about its order.
  const repeat = { ...post.headers, 'seckill-ticket': ticketFor('open'), 'seckill-attempt': '2' };
  for (const [path, init] of [
    ['/api/sales/open/orders', post],
    ['/api/sales/open/orders', { ...post, headers: repeat }],
    ['/api/sales/open/ticket', post],
    ['/api/sales/open/challenge', {}],
    ['/api/session', post],
    ['/api/orders', {}],
    ['/api/orders/x', {}],
    ['/api/orders/x/payment', post],
    ['/api/payments/webhook', post],
  ] as const) {
    const answer = await ask(edge, path, init);
    expect([path, seenOf(answer), answer.headers.get('retry-after')]).toEqual([path, refusal('UNAVAILABLE'), '17']);
  }
  expect(edge.service.seen).toEqual([]);
  expect(edge.gateway.seen).toEqual([]);
  expect((await ask(edge, '/api/sales/open')).status).toBe(200);
  await edge.agent.sendAll({
    type: 'settings',
    settings: { version: version + 2, limits: {}, maintenance: null },
  });
  expect((await buy(edge, 'open')).status).toBe(202);
});

test('settings that cannot be used change nothing, and the answer says which version is in force', async () => {
  await edge.agent.sendAll({
    type: 'settings',
    settings: { version: version + 5, limits: { inFlight: 9 }, maintenance: null },
  });
  const wrong = { version: version + 6, limits: { inFlight: 0 }, maintenance: null };
  const older = { version: version + 4, limits: {}, maintenance: { retryAfterSeconds: 9 } };
  for (const settings of [wrong, older]) {
    expect(await edge.agent.sendAll({ type: 'settings', settings })).toMatchObject({
      settingsVersion: version + 5,
      limits: { inFlight: 9 },
      maintenance: false,
    });
  }
});

test('a new ticket key is known with the answer to the line, an old one until it is left out; no worker restarts', async () => {
  const [current, older] = ticketKeys;
  if (current === undefined || older === undefined) throw new Error('two keys');
  expect(await Promise.all([buyWith(current), buyWith(older), buyWith(newest)])).toEqual([202, 202, 401]);
  expect((await edge.agent.sendAll({ type: 'keys', keys: text([current, older, newest]) })).keyIds).toEqual([
    'k2',
    'k1',
    'k3',
  ]);
  expect(await Promise.all([buyWith(current), buyWith(older), buyWith(newest)])).toEqual([202, 202, 202]);
  expect((await edge.agent.sendAll({ type: 'keys', keys: text([newest, current]) })).keyIds).toEqual(['k3', 'k2']);
  expect(await Promise.all([buyWith(current), buyWith(older), buyWith(newest)])).toEqual([202, 401, 202]);
});

test('what the ticket office needs is known with the answer to the line; what cannot be used changes nothing', async () => {
  expect(await edge.agent.sendAll({ type: 'snapshot', sales: [] })).toMatchObject({ hasOffice: false });
  const noSecret = { ...edgeOffice, challengeSecret: 'short' };
  expect(await edge.agent.sendAll({ type: 'office', office: noSecret })).toMatchObject({ hasOffice: false });
  expect(await edge.agent.sendAll({ type: 'office', office: edgeOffice })).toMatchObject({ hasOffice: true });
  expect(await edge.agent.sendAll({ type: 'office', office: noSecret })).toMatchObject({ hasOffice: true });
});

test('of a ticket office that does not fit into memory nothing is kept: the one before may hold keys that are over', async () => {
  expect(await edge.agent.sendAll({ type: 'office', office: edgeOffice })).toMatchObject({ hasOffice: true });
  const key = { kid: 'k', alg: null, kind: 'RSA' as const, spki: 'A'.repeat(300_000) };
  const tooLarge = { ...edgeOffice, signIn: { keys: [key] } };
  expect(await edge.agent.sendAll({ type: 'office', office: tooLarge })).toMatchObject({ hasOffice: false });
  expect(await edge.agent.sendAll({ type: 'office', office: edgeOffice })).toMatchObject({ hasOffice: true });
});

test('what tickets are made with is forgotten after half an hour without a word, and not before', async () => {
  const ended = async () =>
    (await readFile(join(edge.dir, 'nginx/error.log'), 'utf8')).split('the stream of the agent ended').length;
  await edge.agent.sendAll({ type: 'office', office: edgeOffice });
  await edge.agent.stop();
  await edge.restartAgent();
  expect(await edge.agent.sendAll({ type: 'gone', id: 'x' })).toMatchObject({ hasOffice: true });
  const before = await ended();
  await edge.agent.stop();
  await poll('nginx has read the last word', async () => (await ended()) > before);
  await fetch(`${edge.innerUrl}/age`);
  await edge.restartAgent();
  expect(await edge.agent.sendAll({ type: 'gone', id: 'x' })).toMatchObject({ hasOffice: false });
});

test('with a snapshot come settings and keys, in force before the first purchase can pass', async () => {
  await edge.agent.send({
    type: 'snapshot',
    sales: [saleOf('open')],
    keys: text([newest]),
    settings: { version: version + 3, limits: {}, maintenance: { retryAfterSeconds: 5 } },
  });
  expect(await buyWith(newest)).toBe(503);
});

test('every beat is answered, so that the agent can tell a dead edge from a quiet one', async () => {
  const before = edge.agent.beats();
  await poll('three beats', () => edge.agent.beats() >= before + 3);
});

test('no secret stands in the metrics', async () => {
  await edge.agent.sendAll({ type: 'keys', keys: text([newest, ...ticketKeys]) });
  const metrics = await edge.metrics();
  for (const { secret } of [newest, ...ticketKeys]) expect(metrics).not.toContain(secret);
});

// The last one: its old workers end connections that another test would use.
test('a reload keeps what ops have set', async () => {
  const settings = { version: version + 1, limits: { inFlight: 9 }, maintenance: { retryAfterSeconds: 17 } };
  await edge.agent.sendAll({ type: 'settings', settings });
  const connections = edge.agent.connections();
  edge.signal('SIGHUP');
  await poll('the new workers connect', () => edge.agent.connections() > connections);
  // The old workers may end a kept connection at any moment: that is no answer.
  const seen = new Set<number | null>();
  for (let nth = 0; nth < 20; nth += 1)
    seen.add(
      await buy(edge, 'open').then(
        ({ status }) => status,
        () => null,
      ),
    );
  expect([...seen].filter((status) => status !== null)).toEqual([503]);
  expect(await edge.agent.sendAll({ type: 'gone', id: 'nobody' })).toMatchObject({
    settingsVersion: version + 1,
    limits: { inFlight: 9 },
    maintenance: true,
  });
});
