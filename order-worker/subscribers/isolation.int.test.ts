import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { replyWith } from '#lab/kits/receiver.ts';
import { startSubscriberKit } from '#lab/kits/subscribers.ts';

vi.setConfig({ testTimeout: 180_000 });

const kit = await startSubscriberKit();
const within = { timeout: 45_000, interval: 20 };

afterAll(() => kit.closeAll());
beforeEach(() => kit.openSale());
afterEach(() => kit.clear());

test('one subscriber hangs, one fails, one is gone: every order is stored, and the one that is well hears of each', async () => {
  const hanging = await kit.subscribe({ concurrency: 3, reply: () => undefined });
  const failing = await kit.subscribe({
    reply: replyWith(500),
    retry: { tries: 9, firstMs: 60_000, longestMs: 60_000 },
  });
  const gone = await kit.subscribe({ retry: { tries: 9, firstMs: 60_000, longestMs: 60_000 } });
  await gone.close();
  const well = await kit.subscribe();
  kit.startWorker();
  const ids: string[] = [];
  for (let round = 0; round < 5; round += 1) ids.push(...(await kit.buy(40)));
  await expect.poll(() => new Set(well.ids()).size, within).toBe(ids.length);
  expect(well.received).toHaveLength(ids.length); // once each: nobody's failure made it hear twice
  expect(await kit.orders.present(ids)).toHaveProperty('size', ids.length);
  await expect.poll(hanging.maxOpen, within).toBe(3); // its own connections, and no other subscriber's
  expect(failing.received.length).toBeLessThanOrEqual(ids.length);
  await expect.poll(() => kit.waitingRows(well.id), within).toBe(0);
  for (const each of [hanging, failing, gone]) expect(await kit.waitingRows(each.id)).toBe(ids.length);
});
