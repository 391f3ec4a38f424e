import { DatabaseSync } from 'node:sqlite';
import { ulid } from 'ulid';
import type { ProtocolPayment, ProtocolRefund } from '#contract/payment-protocol.ts';

const schema = `
  CREATE TABLE IF NOT EXISTS payments (
    reference TEXT PRIMARY KEY, id TEXT NOT NULL, orderId TEXT NOT NULL, amount INTEGER NOT NULL, currency TEXT NOT NULL,
    state TEXT NOT NULL, failure TEXT, fate TEXT NOT NULL, dueAt INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS payments_due ON payments (dueAt) WHERE state = 'pending';
  CREATE TABLE IF NOT EXISTS refunds (
    reference TEXT PRIMARY KEY, id TEXT NOT NULL, payment TEXT NOT NULL UNIQUE REFERENCES payments (reference),
    amount INTEGER NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, dueAt INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS refunds_due ON refunds (dueAt) WHERE state = 'pending';
  CREATE TABLE IF NOT EXISTS webhooks (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL, times INTEGER NOT NULL, tries INTEGER NOT NULL,
    dueAt INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (dueAt);
  CREATE TABLE IF NOT EXISTS behaviour (only INTEGER PRIMARY KEY CHECK (only = 1), json TEXT NOT NULL) STRICT;`;

export type PaymentRow = Omit<ProtocolPayment, 'object' | 'order' | 'next' | 'declined'> & {
  orderId: string;
  fate: 'succeeded' | 'failed';
};
export type RefundRow = Omit<ProtocolRefund, 'object'>;

export const paymentFields = 'reference, id, orderId, amount, currency, state, failure, fate';
export const refundFields = 'reference, id, payment, amount, currency, state';
/** A payment as the protocol shows it. */
export const shownPayment = ({ fate: _fate, orderId, ...row }: PaymentRow): ProtocolPayment => ({
  object: 'payment',
  ...row,
  order: orderId,
  next: { kind: 'none' },
  declined: row.state === 'failed' ? (row.failure === 'expired' ? 'timed_out' : 'card_declined') : null,
});
export const shownRefund = (row: RefundRow): ProtocolRefund => ({ object: 'refund', ...row });

export const newId = (kind: string, nowMs: number) => `${kind}_${ulid(nowMs).toLowerCase()}`;

/** The SQLite file of the ledger: every change is on disk before the call returns. */
export type LedgerFile = ReturnType<typeof openLedgerFile>;

export function openLedgerFile(path: string) {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${schema}`);

  return {
    // The driver answers plain objects; each query names the fields of its row type.
    all: <Row>(sql: string, ...values: (string | number)[]) => database.prepare(sql).all(...values) as Row[],
    run: (sql: string, ...values: (string | number | null)[]) => void database.prepare(sql).run(...values),

    /** All of `work`, or nothing of it. */
    atOnce<T>(work: () => T): T {
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK'); // a full disk has rolled it back already
        throw error;
      }
    },

    close: () => database.close(),
  };
}
