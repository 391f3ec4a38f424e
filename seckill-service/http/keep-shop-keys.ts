import type { ShopKeys } from './shop-keys.ts';

/** Before they are ten minutes old, which is when a token would ask for them. */
const everyMs = 9 * 60_000;
const withoutKeysMs = 30_000;

/**
 * Asks for the shop's keys at once and again before they are old, also when no token comes: who follows them, the edge for
 * example, judges the tokens. While there are none to use it asks every 30 s.
 */
export function keepShopKeys(
  keys: ShopKeys,
  options: { everyMs?: number; withoutKeysMs?: number; warn: (error: unknown, message: string) => void },
): { close: () => void } {
  const waits = { everyMs, withoutKeysMs, ...options };
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function look(): Promise<void> {
    await keys.fetch().catch((error: unknown) => options.warn(error, "the shop's keys cannot be had"));
    if (isClosed) return;
    timer = setTimeout(look, keys.get() === null ? waits.withoutKeysMs : waits.everyMs);
    timer.unref();
  }
  void look(); // it reports its faults itself

  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
