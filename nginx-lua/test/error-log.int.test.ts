import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runLua } from '#lab/kits/lua/run-lua.ts';
import { poll } from '#lab/poll.ts';
import type { CountingUpstream } from '#lab/servers/counting-upstream.ts';
import { saleOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge({ addressPerSecond: 1, addressBurst: 60 }, [], {
    values: { workers: 1, connectionsPerAddress: 2 },
  });
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open'), saleOf('sold-out', { state: 'sold_out' })] });
});
afterAll(() => edge.stop());

const log = () => readFile(join(edge.dir, 'nginx/error.log'), 'utf8');

/** ESC, C1's CSI and a mark that turns the direction: in a referrer, a host and a query. */
const rude = '\u001b]0;rude\u0007\u009b31m\u202e';
const dressed = `referer: ${rude}\r\nuser-agent: ${rude}\r\nx-forwarded-for: ${rude}`;
const get = (path: string, host = 'edge') => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${dressed}\r\n\r\n`;
const purchase = (saleId: string, length: number, body: string) =>
  [
    `POST /api/sales/${saleId}/orders?%9b31m"<rude> HTTP/1.1`,
    `host: edge\r\n${dressed}\r\ncontent-type: application/json\r\nseckill-ticket: ${ticketFor('open')}`,
    `content-length: ${length}\r\n\r\n${body}`,
  ].join('\r\n');

async function send(request: string): Promise<string> {
  const socket = connect(edge.port, '127.0.0.1');
  let answer = '';
  socket.on('error', () => {}); // a reset is an answer as well
  socket.write(request);
  for await (const chunk of socket) {
    answer += chunk;
    if (answer.includes('\r\n\r\n')) break;
  }
  socket.destroy();
  return answer.slice(0, 'HTTP/1.1 000'.length);
}

test('an upstream that fails is told within a second, once, and nothing of who asked', async () => {
  await edge.service.stop();
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(purchase('open', 14, '{"quantity":1}'))));
  expect(answers).toContain('HTTP/1.1 503');
  const told = await poll('the fault to be told', async () => {
    const text = await log();
    return text.includes('no connection in time from the upstream: 502 by unix:') && text;
  });
  expect(told).toMatch(/^[ -~\n]+$/);
  expect(told).not.toContain('orders');
  expect(told.split('\n').length).toBeLessThan(10);
  await edge.restartService();
});

const half: CountingUpstream['answer'] = (_, response) => {
  response.writeHead(202, { 'content-length': '100' }).write('{"pla', () => response.socket?.destroy());
};

test('half an answer of an upstream is told: of a purchase, of the gateway, of a webhook', async () => {
  let before = (await log()).length;
  const { service, gateway } = edge;
  const [whole, told] = [service.answer, gateway.answer];
  const say = async (request: string, from: string) => {
    expect(await send(request)).toBe('HTTP/1.1 202');
    const line = `half an answer from the upstream: 202 by unix:${join(edge.dir, from)}`;
    await poll('half an answer to be told', async () => (await log()).slice(before).includes(line));
    before = (await log()).length;
  };
  service.answer = gateway.answer = half;
  await say(purchase('open', 14, '{"quantity":1}'), 's.sock');
  await say(get('/api/orders/open-1'), 'g.sock');
  await say('POST /api/payments/webhook HTTP/1.1\r\nhost: edge\r\ncontent-length: 0\r\n\r\n', 'g.sock');
  [service.answer, gateway.answer] = [whole, told];
});

test('what strangers send costs no line of the error log', async () => {
  const before = await log();
  const odd = [
    get(`/${'x'.repeat(9000)}`),
    get('/', 'a b'),
    get('/', '\u009b31m'),
    `GET / HTTP/1.1\r\nhost: edge\r\nx-long: ${'x'.repeat(17_000)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nbad header ${rude}\r\n\r\n`,
    `${rude}\r\n\r\n`,
    get('/%00'),
    get(`/sales/none?${'\u009b'}`),
    get(`/${'x'.repeat(300)}`),
    get('/assets/../../etc/passwd.css'.replace('/..', '')),
    get('/assets/none.css'),
    get('/api/sales/open/orders'),
    get(`/api/orders/open-1?${rude.slice(-1)}`),
    purchase('open', 5_000_000, '{'),
    `POST /api/session HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: chunked\r\n${dressed}\r\n\r\n2000\r\n{`,
    `POST /api/session HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: identity\r\n\r\n`,
    'GET /api/sales HTTP/2.5\r\nhost: edge\r\n\r\n',
    purchase('sold-out', 14, '{"quantity":1}'),
  ];
  for (const request of odd) expect(await send(request)).toMatch(/^HTTP\/1\.1 (4\d\d|501|505)/);
  // Limits by connection and by rate, and a client that leaves while the gateway thinks.
  const answer = edge.gateway.answer;
  edge.gateway.answer = () => {};
  const waiting = Array.from({ length: 2 }, () => connect(edge.port, '127.0.0.1').on('error', () => {}));
  for (const socket of waiting) socket.write(get('/api/orders/open-1'));
  await poll('both to wait', () => edge.gateway.seen.length >= 2);
  expect(await send(get('/api/orders/open-1'))).toBe('HTTP/1.1 429');
  for (const socket of waiting) socket.destroy();
  edge.gateway.answer = answer;
  // What is noted is told within a second, all at once: with our own fault, the last one.
  edge.service.answer = half;
  await send(purchase('open', 14, '{"quantity":1}'));
  await poll(
    'a rate to be exceeded',
    async () => (await send(get('/api/orders/open-1'))) === 'HTTP/1.1 429',
    30_000,
    0,
  );
  const told = await poll('a fault to be told', async () => (await log()).slice(before.length) || null);
  expect(told).toMatch(/^[^\n]*half an answer from the upstream[^\n]*\n$/);
});

test('a fault in Lua is told without what is no plain text, with how often, and a bound on the kinds', () => {
  const lines = runLua(`
    local lines, flush = {}, nil
    ngx.log = function(_, ...) lines[#lines + 1] = table.concat({ ... }) end
    ngx.timer = { every = function(_, run) flush = run end }
    local faults = require('seckill.faults')
    local module = { judge = function(text) error(text, 0) end }
    faults.guard('purchase', module)
    faults.start()
    for _ = 1, 3 do pcall(module.judge, 'bad \\27[31m') end
    flush()
    for n = 1, 1000 do pcall(module.judge, 'kind ' .. n) end
    flush()
    flush()
    return lines
  `) as string[];
  expect(lines[0]).toBe('fault in Lua: purchase.judge: bad ?[31m (3 times)');
  expect(lines).toHaveLength(1 + 20 + 1);
  expect(lines).toContain('more kinds of faults than 20 (980 times)');
});

test('a hot module is guarded for a minute after a fault, so that the next one is told in words; its guard costs nothing else', () => {
  const [isPlain, isGuarded, isPlainAgain, ...lines] = runLua(`
    local lines, flush = {}, nil
    ngx.log = function(_, ...) lines[#lines + 1] = table.concat({ ... }) end
    ngx.timer = { every = function(_, run) flush = run end }
    local faults = require('seckill.faults')
    local judge = function() error('bad', 0) end
    local module = { judge = judge }
    faults.guard_once_suspect('purchase', module)
    faults.start()
    pcall(module.judge)
    local is_plain = module.judge == judge
    faults.answered(500) -- what nginx makes of it
    local is_guarded = module.judge ~= judge
    pcall(module.judge)
    flush()
    clock.seconds = clock.seconds + 61
    flush()
    return { is_plain, is_guarded, module.judge == judge, lines[1], lines[2] }
  `) as [boolean, boolean, boolean, ...string[]];
  expect([isPlain, isGuarded, isPlainAgain]).toEqual([true, true, true]);
  expect(lines.sort()).toEqual(['fault in Lua: purchase.judge: bad', 'nginx answered 500 by itself']);
});

test('a fault in the log phase, of which nginx says nothing, is seen by the next purchase', () => {
  const lines = runLua(`
    local lines, flush = {}, nil
    ngx.log = function(_, ...) lines[#lines + 1] = table.concat({ ... }) end
    ngx.timer = { every = function(_, run) flush = run end }
    ngx.var = { seckill_sale = 'open', seckill_user = 'u', upstream_status = '202' }
    local metrics = require('seckill.metrics')
    local count = metrics.upstream
    metrics.upstream = function() error('bad', 0) end
    local log = require('seckill.log')
    local faults = require('seckill.faults')
    faults.guard_once_suspect('log', log)
    faults.start()
    for _ = 1, 3 do
      require('seckill.filters.in_flight').enter('u')
      pcall(log.purchase)
    end
    metrics.upstream = count
    flush()
    return lines
  `) as string[];
  expect(lines.sort()).toEqual(['fault in Lua: log.purchase did not end (2 times)', 'fault in Lua: log.purchase: bad']);
});
