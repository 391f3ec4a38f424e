import type { PublicSale } from '#contract/sale.ts';
import { backoffMs } from './backoff.ts';
import { formatCountdown } from './countdown.ts';
import { everySecond, type Page, repeat, setText } from './page.ts';
import { stateAt } from './sale-timing.ts';

export function startListPage(page: Page): void {
  let sales: PublicSale[] = [];
  let failures = 0;

  function paint(): void {
    const nowMs = page.clock.now();
    for (const sale of sales) {
      const card = document.querySelector<HTMLElement>(`[data-sale-id="${CSS.escape(sale.saleId)}"]`);
      const badge = card?.querySelector<HTMLElement>('.badge');
      const state = stateAt(sale, nowMs);
      if (!card || !badge) continue;
      card.dataset.state = badge.dataset.state = state;
      const leftMs = Date.parse(sale.opensAt) - nowMs;
      const isSoon = state === 'upcoming' && leftMs < 86_400_000;
      const words = page.words;
      setText(
        badge,
        isSoon ? words.fill(words.opensInTime, { time: formatCountdown(leftMs, words) }) : words.saleLabels[state],
      );
    }
  }

  repeat(async () => {
    const sentMs = performance.now();
    const reply = await page.call<{ sales: PublicSale[]; now: string }>('GET', '/api/sales');
    if (reply.kind !== 'ok') {
      failures += 1;
      return backoffMs(failures + 1, reply.retryAfterMs, Math.random);
    }
    failures = 0;
    sales = reply.body.sales;
    page.clock.learn(reply.body.now, sentMs, performance.now());
    paint();
    return 15_000 * (0.7 + Math.random() * 0.6);
  });
  everySecond(page.clock.now, paint);
}
