import { DatabaseSync } from 'node:sqlite';
import { ulid } from 'ulid';
import { declineReasons, type PaymentNext } from '#contract/payment.ts';
import type { ProtocolPayment, ProtocolRefund } from '#contract/payment-protocol.ts';
import type { Interaction } from './behaviour.ts';
import { sandboxRoutes } from './sandbox-routes.ts';

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

/** What a file of before payments had pages is without. A page's id is its key: who knows it may act there. */
const pageColumns = {
  interaction: "TEXT NOT NULL DEFAULT 'none'",
  pageId: 'TEXT',
  title: 'TEXT',
  returnUrl: 'TEXT',
};

function addPageColumns(database: DatabaseSync): void {
  const there = new Set(
    database
      .prepare('PRAGMA table_info(payments)')
      .all()
      .map(({ name }) => name),
  );
  for (const [name, type] of Object.entries(pageColumns)) {
    if (!there.has(name)) database.exec(`ALTER TABLE payments ADD COLUMN ${name} ${type}`);
  }
  database.exec('CREATE UNIQUE INDEX IF NOT EXISTS payments_page ON payments (pageId)');
}

export type PaymentRow = Omit<ProtocolPayment, 'object' | 'order' | 'next' | 'declined'> & {
  orderId: string;
  fate: 'succeeded' | 'failed';
  interaction: Interaction;
  pageId: string | null;
  title: string | null;
  returnUrl: string | null;
};
export type RefundRow = Omit<ProtocolRefund, 'object'>;

export const paymentFields =
  'reference, id, orderId, amount, currency, state, failure, fate, interaction, pageId, title, returnUrl';
export const refundFields = 'reference, id, payment, amount, currency, state';
/** A payment as the protocol shows it; `origin` is that of the sandbox's pages. */
export function shownPayment(row: PaymentRow, origin: string): ProtocolPayment {
  const { reference, id, orderId: order, amount, currency, state, failure } = row;
  const shown = { object: 'payment' as const, reference, id, order, amount, currency, state, failure };
  return { ...shown, next: nextOf(row, origin), declined: state === 'failed' ? declinedBy(failure) : null };
}

function nextOf({ state, interaction, pageId }: PaymentRow, origin: string): PaymentNext {
  if (state !== 'pending' || interaction === 'none' || pageId === null) return { kind: 'none' };
  const page = origin + sandboxRoutes.page.replace(':pageId', pageId);
  return interaction === 'qr' ? { kind: 'qr', text: page } : { kind: 'redirect', url: page };
}

function declinedBy(failure: string | null): ProtocolPayment['declined'] {
  if (failure === 'expired' || failure === ended) return 'timed_out';
  return declineReasons.find((reason) => reason === failure) ?? 'card_declined';
}
export const shownRefund = (row: RefundRow): ProtocolRefund => ({ object: 'refund', ...row });

/** Why a payment failed that its merchant has ended. */
export const ended = 'ended';

export const newId = (kind: string, nowMs: number) => `${kind}_${ulid(nowMs).toLowerCase()}`;

/** The SQLite file of the ledger: every change is on disk before the call returns. */
export type LedgerFile = ReturnType<typeof openLedgerFile>;

export function openLedgerFile(path: string) {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${schema}`);
  addPageColumns(database);

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
