import type { ProtocolEvent } from '#contract/payment-protocol.ts';
import { type Behaviour, draw } from './behaviour.ts';
import { type LedgerFile, newId } from './ledger-file.ts';

export type DueWebhook = { seq: number; id: string; body: string; times: number; tries: number };

/** The webhooks that the merchant still has to take, in the order of their time. */
export function createWebhookLine({ all, run }: LedgerFile, now: () => number) {
  return {
    /** Puts the webhook of an event in line, as the behaviour has it. */
    tell(type: string, data: ProtocolEvent['data'], own: Behaviour): void {
      const luck = (what: string) => draw(own, what, type, data.reference);
      if (luck('webhookLost') < own.webhookLost) return;
      const event: ProtocolEvent = { type, timestamp: new Date(now()).toISOString(), data };
      const lateMs = luck('webhookLate') < own.webhookLate ? Math.round(own.webhookLateMs * luck('lateness')) : 0;
      const times = luck('webhookRepeated') < own.webhookRepeated ? own.webhookTimes : 1;
      const dueAt = now() + lateMs;
      run(
        'INSERT INTO webhooks (id, body, times, tries, dueAt) VALUES (?, ?, ?, 0, ?)',
        newId('evt', now()),
        JSON.stringify(event),
        times,
        dueAt,
      );
    },

    dueWebhooks: (most: number) =>
      all<DueWebhook>(
        'SELECT seq, id, body, times, tries FROM webhooks WHERE dueAt <= ? ORDER BY dueAt, seq LIMIT ?',
        ...[now(), most],
      ),
    delivered: (seq: number) => run('DELETE FROM webhooks WHERE seq = ?', seq),
    notDelivered: (seq: number, againAt: number) =>
      run('UPDATE webhooks SET tries = tries + 1, dueAt = ? WHERE seq = ?', againAt, seq),
  };
}
