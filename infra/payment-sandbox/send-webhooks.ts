import { Agent, request } from 'undici';
import type { Logger } from '#runtime/logger.ts';
import { createThrottledWarn } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { signWebhook } from '#runtime/standard-webhooks.ts';
import type { Ledger } from './ledger.ts';
import type { SandboxMetrics } from './metrics.ts';
import type { DueWebhook } from './webhook-line.ts';

const atOnce = 50;
const deadlineMs = 5000;
/** A merchant has little to say to a webhook. */
const longestAnswer = 64 * 1024;
const longestWaitMs = 30_000;

/** Lets payments go through when their time has come, and tells the merchant, again and again until it says 2xx. */
export function startSandboxClock(deps: {
  ledger: Ledger;
  url: string;
  secrets: readonly [Buffer, ...Buffer[]];
  logger: Logger;
  now: () => number;
  metrics: Pick<SandboxMetrics, 'webhooks'>;
}): Loop {
  const ledgerRestMs = 5_000;
  const { ledger, url, secrets, logger, now, metrics } = deps;
  const warn = createThrottledWarn(logger);
  const dispatcher = new Agent({ maxResponseSize: longestAnswer });
  const underWay = new Set<number>();

  async function send({ id, body }: DueWebhook): Promise<boolean> {
    const headers = { 'content-type': 'application/json', ...signWebhook({ id, body, nowMs: now() }, secrets) };
    try {
      const signal = AbortSignal.timeout(deadlineMs);
      const { statusCode, body: answer } = await request(url, { dispatcher, method: 'POST', headers, body, signal });
      const text = await answer.text();
      const isTaken = statusCode >= 200 && statusCode < 300;
      metrics.webhooks.inc({ outcome: isTaken ? 'taken' : 'refused' });
      if (isTaken) return true;
      warn(new Error(text.slice(0, 300)), `a webhook was answered ${statusCode}`);
    } catch (error) {
      metrics.webhooks.inc({ outcome: 'unanswered' });
      warn(error, 'a webhook was not answered');
    }
    return false;
  }

  async function deliver(webhook: DueWebhook): Promise<void> {
    underWay.add(webhook.seq);
    try {
      const sent = await Promise.all(Array.from({ length: webhook.times }, () => send(webhook)));
      if (sent.includes(true)) ledger.delivered(webhook.seq);
      else ledger.notDelivered(webhook.seq, now() + Math.min(longestWaitMs, 250 * 2 ** webhook.tries));
      underWay.delete(webhook.seq);
    } catch (error) {
      // A full disk. The ledger still calls it due: without a rest it would be sent again at every tick.
      warn(error, 'the ledger cannot be written: the webhook is sent again');
      setTimeout(() => underWay.delete(webhook.seq), ledgerRestMs).unref();
    }
  }

  return startLoop({
    name: 'sandbox clock',
    everyMs: 20,
    logger,
    pass: async () => {
      ledger.settleDue();
      const free = atOnce - underWay.size;
      const due = free > 0 ? ledger.dueWebhooks(atOnce).filter(({ seq }) => !underWay.has(seq)) : [];
      // Not awaited: one merchant that is slow must not stop the clock. `deliver` does not throw.
      for (const webhook of due.slice(0, free)) void deliver(webhook);
      return 'idle';
    },
  });
}
