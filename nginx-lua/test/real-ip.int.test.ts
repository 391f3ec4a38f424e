import { type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { problemBody } from '#contract/problems.ts';
import type { EdgeLimits } from '#infra/stack/servers/edge-values.ts';
import { poll } from '#lab/poll.ts';
import { startEdge, type TestEdge } from '#lab/servers/edge.ts';

type Answer = { status: number; headers: IncomingHttpHeaders; text: string };

/** From an address of the loopback network of one's own choice. */
function askFrom(
  edge: TestEdge,
  localAddress: string,
  forwardedFor?: string,
  more: Record<string, string> = {},
  path = '/api/orders/x',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }), ...more };
    request(`${edge.url}${path}`, { localAddress, headers, agent: false }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
    })
      .on('error', reject)
      .end();
  });
}

let edge: TestEdge;
beforeAll(async () => {
  const trustedProxies = ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32'];
  edge = await startEdge({}, [], { values: { trustedProxies, connectionsPerAddress: 2, serverConnections: 3 } });
});
afterAll(() => edge.stop());
beforeEach(() => {
  edge.gateway.seen.length = 0;
});

describe('an edge behind a CDN at 127.0.0.1 and 10.0.0.0/8', () => {
  const addressSeen = async (localAddress: string, forwardedFor?: string) => {
    await askFrom(edge, localAddress, forwardedFor);
    return edge.gateway.seen.at(-1)?.headers['x-forwarded-for'];
  };

  test.each([
    ['one address', '198.51.100.1', '198.51.100.1'],
    ['what the shopper made up before the CDN wrote its own', '1.2.3.4, 198.51.100.2', '198.51.100.2'],
    ['a chain through the CDN', '1.2.3.4, 198.51.100.3, 10.9.9.9, 10.0.0.1', '198.51.100.3'],
    ['IPv6', '2001:db8::1, 2a00::1, 2001:db8::7', '2a00::1'],
  ])('takes from it %s', async (_, forwardedFor, address) => {
    expect(await addressSeen('127.0.0.1', forwardedFor)).toBe(address);
  });

  test.each(['rubbish', '1.2.3.4, ', '999.1.1.1', '', 'unknown', '127.0.0.1, "; drop'])(
    'believes no rubbish: %j',
    async (forwardedFor) => {
      expect(await addressSeen('127.0.0.1', forwardedFor)).toMatch(/^(127\.0\.0\.1|1\.2\.3\.4)$/);
    },
  );

  test('does not believe a stranger who says the same: his own address counts', async () => {
    expect(await addressSeen('127.0.0.5', '198.51.100.9')).toBe('127.0.0.5');
  });
});

describe('an edge with tight limits behind a CDN', () => {
  const set = (version: number, limits: Partial<EdgeLimits>) =>
    edge.agent.send({ type: 'settings', settings: { version, limits, maintenance: null } });
  beforeAll(async () => void (await set(1, { addressPerSecond: 1, addressBurst: 3 })));
  afterAll(async () => void (await set(2, {})));

  /** Asks until it is limited: three pass at once, one more after half a second and after each further second. */
  async function expectThree(ask: (nth: number) => Promise<Answer>): Promise<void> {
    const from = performance.now();
    for (let passed = 0; ; passed += 1) {
      expect(passed).toBeLessThanOrEqual(3.5 + (performance.now() - from) / 1000);
      const { status } = await ask(passed);
      if (status === 200) continue;
      expect([status, passed >= 3]).toEqual([429, true]);
      return;
    }
  }

  test('limits each shopper behind the CDN by himself, and not the CDN', async () => {
    for (const address of ['198.51.100.21', '198.51.100.22'])
      await expectThree(() => askFrom(edge, '127.0.0.1', address));
  });

  test('gives nobody more by other words: a stranger who changes his X-Forwarded-For stays limited', async () => {
    await expectThree((nth) => askFrom(edge, '127.0.0.6', `203.0.113.${nth}`));
  });
});

test.each([
  ['one address', ['198.51.100.1', '198.51.100.1', '198.51.100.1'], '198.51.100.2'],
  ['one network of IPv6', ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:db8:0:1::3'], '2001:db8:0:2::1'],
  ['IPv4 as IPv6', ['::ffff:198.51.100.1', '64:ff9b::c633:6401', '198.51.100.1'], '::ffff:198.51.100.2'],
])('%s has so many connections to Node and no more; others have theirs', async (_, [first, second, third], other) => {
  const held: (() => void)[] = [];
  const { answer } = edge.gateway;
  edge.gateway.answer = (_seen, response) => held.push(() => response.end());
  const from = (address?: string, path?: string) => askFrom(edge, '127.0.0.1', address, {}, path);
  // Streams of events: the edge waits for their end as long as it takes.
  const open = [first, second].map((address) => from(address, '/api/orders/x/events'));
  await poll('both are with the gateway', () => held.length === 2);
  const refused = await from(third);
  expect([refused.status, JSON.parse(refused.text)]).toEqual([429, problemBody('RATE_LIMITED')]);
  expect(refused.headers['retry-after']).toBe('1');
  edge.gateway.answer = answer;
  expect((await from(other)).status).toBe(200);
  for (const release of held) release();
  await Promise.all(open);
  await poll('a place is free again', async () => (await from(third)).status === 200);
});

test('a site of IPv6 has eight times as many, in any of its networks', async () => {
  const held: (() => void)[] = [];
  const { answer } = edge.gateway;
  edge.gateway.answer = (_seen, response) => held.push(() => response.end());
  const from = (network: number, site = '01') => {
    const address = `2001:db8:9:${site}${network.toString(16).padStart(2, '0')}::1`;
    return askFrom(edge, '127.0.0.1', address, {}, '/api/orders/x/events');
  };
  const open = Array.from({ length: 16 }, (_, nth) => from(nth));
  await poll('they are with the gateway', () => held.length === 16);
  expect((await from(16)).status).toBe(429);
  edge.gateway.answer = answer;
  expect((await from(16, '02')).status).toBe(200);
  for (const release of held) release();
  await Promise.all(open);
  await poll('a place is free again', async () => (await from(16)).status === 200);
});

test('a header of another name may carry the address', async () => {
  const other = await startEdge({}, [], {
    values: { trustedProxies: ['127.0.0.1'], realIpHeader: 'CF-Connecting-IP' },
  });
  try {
    await askFrom(other, '127.0.0.1', '198.51.100.1', { 'cf-connecting-ip': '198.51.100.2' });
    expect(other.gateway.seen[0]?.headers['x-forwarded-for']).toBe('198.51.100.2');
  } finally {
    await other.stop();
  }
});

test.each([
  ['one address', Array(3).fill('198.51.100.1'), '198.51.100.2'],
  ['one network of IPv6', ['2001:db8:0:1::1', '2001:db8:0:1::2', '2001:db8:0:1:ffff::3'], '2001:db8:0:2::1'],
  ['IPv4 as IPv6', ['::ffff:198.51.100.1', '64:ff9b::c633:6401', '198.51.100.1'], '::ffff:198.51.100.2'],
  // Eight times as many, in networks of its own.
  ['a site of IPv6', Array.from({ length: 24 }, (_, nth) => `2001:db8:9:1${10 + nth}::1`), '2001:db8:9:210::1'],
])('a server has a limit of its own for what it has under way at a time: %s', async (_, all, other) => {
  const { answer } = edge.gateway;
  const held: (() => void)[] = [];
  edge.gateway.answer = (seen, response) => held.push(() => answer(seen, response));
  const webhook = (address: string) =>
    fetch(`${edge.url}/api/payments/webhook`, {
      method: 'POST',
      body: '{}',
      headers: { 'x-forwarded-for': address },
    });
  const asked = all.map(webhook);
  await poll('they are with the worker', () => held.length === all.length);
  const refused = await webhook(all[0] ?? '');
  expect([refused.status, await refused.json()]).toEqual([429, problemBody('RATE_LIMITED')]);
  edge.gateway.answer = answer;
  expect((await webhook(other)).status).toBe(200);
  for (const release of held) release();
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(all.map(() => 200));
});
