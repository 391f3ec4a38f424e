import { afterAll, expect, inject, test, vi } from 'vitest';
import { newSaleId, openSale, seckill, seckillJson } from '#lab/kits/command-line.ts';
import { replyWith, startReceiver } from '#lab/kits/receiver.ts';
import { poll } from '#lab/poll.ts';
import { newWebhookSecret } from '#runtime/standard-webhooks.ts';

// A busy machine takes long for what is done in a moment elsewhere.
vi.setConfig({ testTimeout: 300_000 });

const stack = inject('stack');
let secret = newWebhookSecret(); // nobody's, until the subscriber has its own
const receiver = await startReceiver({ secrets: () => secret });
const name = newSaleId('points');
const subscriber = (...args: string[]) => seckill(stack.env, 'subscriber', ...args);

afterAll(async () => {
  await subscriber('remove', name, '--yes');
  await receiver.close();
});

test.each([
  ['ftp://points.example/', 'must be http(s)'],
  ['points.example', 'is not a URL'],
  ['https://user:secret@points.example/', 'leave them out'],
  ['http://169.254.169.254/', 'inner network: add --allow-inner'],
  ['http://127.0.0.1:1/', 'inner network: add --allow-inner'],
])('a subscriber at %s is refused, exit 2, and is not there', async (url, words) => {
  const { code, stderr } = await subscriber('add', name, url);
  expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  expect((await subscriber('show', name)).code).toBe(2);
});

test('a subscriber is added, tested, told of every order of a sale, shown, and taken away again', async () => {
  const added = await seckillJson<{ secret: string }>(
    stack.env,
    ...['subscriber', 'add', name, receiver.url, '--allow-inner', '--retry', '20,50ms,1s'],
  );
  secret = added.secret;
  expect((await subscriber('add', name, receiver.url, '--allow-inner')).stderr).toContain('exists already');
  expect((await subscriber('show', name)).stdout).not.toContain(secret); // it was shown once

  expect(await seckillJson(stack.env, 'subscriber', 'test', name)).toMatchObject({ kind: 'delivered', status: 204 });
  // Orders of other tests' sales may expire at this moment, and it is told of them as well.
  const tests = receiver.received.filter(({ events }) => events[0]?.type === 'order.test');
  expect(tests.map(({ isGenuine, events }) => [isGenuine, events.length])).toEqual([[true, 1]]);
  receiver.reply(replyWith(302, { location: 'http://169.254.169.254/' }));
  const redirected = await subscriber('test', name);
  expect([redirected.code, redirected.stdout]).toEqual([1, expect.stringContaining('redirects are not followed')]);
  receiver.reply(replyWith(204));

  const saleId = newSaleId('told');
  await openSale(stack.env, { saleId, units: 3 });
  expect((await seckill(stack.env, 'demo', 'crowd', saleId, '--shoppers', '5')).code).toBe(0);
  // Of the orders of other tests' sales it may have heard before its secret was known here.
  const ours = () =>
    receiver.received.filter(({ events }) => events.some(({ data }) => data.orderId.startsWith(saleId)));
  /** By their ids: it is told at least once. */
  const told = () => {
    const events = ours().flatMap((each) => each.events.filter(({ data }) => data.orderId.startsWith(saleId)));
    return [...new Map(events.map((event) => [event.id, event])).values()];
  };
  await poll('every order to be told of', async () => told().length === 3);
  expect(told().map(({ type }) => type)).toEqual(Array(3).fill('order.created'));
  expect(ours().every(({ isGenuine }) => isGenuine)).toBe(true);
  const [first] = told();
  const shown = await poll('its delivery to be noted', async () => {
    const { stdout } = await subscriber('show', name, '--order', first?.data.orderId ?? '', '--json');
    return stdout.includes('"delivered"') && stdout;
  });
  expect(JSON.parse(shown)).toMatchObject({ events: [{ version: 1, type: 'order.created', state: 'delivered' }] });

  expect((await subscriber('remove', name)).stderr).toContain('add --yes'); // asks, and nobody is there to answer
  expect((await subscriber('remove', name, '--yes')).code).toBe(0);
  expect((await subscriber('test', name)).stderr).toContain('there is no subscriber');
});
