import { DatabaseSync } from 'node:sqlite';
import { ulid } from 'ulid';
import type {
  NewProtocolPayment,
  NewProtocolRefund,
  ProtocolEvent,
  ProtocolPayment,
  ProtocolRefund,
} from '#contract/payment-protocol.ts';
import { type Behaviour, behaviourFor, behaviourSchema, draw } from './behaviour.ts';
import type { SandboxBooks } from './sandbox-routes.ts';

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

type PaymentRow = Omit<ProtocolPayment, 'object' | 'order'> & { orderId: string; fate: 'succeeded' | 'failed' };
type RefundRow = Omit<ProtocolRefund, 'object'>;
export type DueWebhook = { seq: number; id: string; body: string; times: number; tries: number };

const paymentFields = 'reference, id, orderId, amount, currency, state, failure, fate';
const refundFields = 'reference, id, payment, amount, currency, state';
const shown = ({ fate: _fate, orderId, ...row }: PaymentRow): ProtocolPayment => ({
  object: 'payment',
  ...row,
  order: orderId,
});

/** A request that contradicts what is there. */
export type Conflict = { kind: 'conflict'; says: string };
export type Ledger = ReturnType<typeof openLedger>;

/** The provider's money, in one SQLite file: every change is on disk before it is answered, so a kill forgets nothing. */
export function openLedger(file: string, now: () => number) {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${schema}`);
  // The driver answers plain objects; each query names the fields of its row type.
  const all = <Row>(sql: string, ...values: (string | number)[]) => database.prepare(sql).all(...values) as Row[];
  const run = (sql: string, ...values: (string | number | null)[]) => void database.prepare(sql).run(...values);
  const newId = (kind: string) => `${kind}_${ulid(now()).toLowerCase()}`;

  let behaviour = behaviourSchema.parse(
    JSON.parse(all<{ json: string }>('SELECT json FROM behaviour')[0]?.json ?? '{}'),
  );
  const paymentRow = (reference: string) =>
    all<PaymentRow>(`SELECT ${paymentFields} FROM payments WHERE reference = ?`, reference)[0] ?? null;
  const refundRow = (reference: string) =>
    all<RefundRow>(`SELECT ${refundFields} FROM refunds WHERE reference = ?`, reference)[0] ?? null;

  function atOnce<T>(work: () => T): T {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK'); // a full disk has rolled it back already
      throw error;
    }
  }

  /** Puts the webhook of an event in line, as the behaviour has it. */
  function tell(type: string, data: ProtocolEvent['data'], own: Behaviour): void {
    const luck = (what: string) => draw(own, what, type, data.reference);
    if (luck('webhookLost') < own.webhookLost) return;
    const event: ProtocolEvent = { type, timestamp: new Date(now()).toISOString(), data };
    const lateMs = luck('webhookLate') < own.webhookLate ? Math.round(own.webhookLateMs * luck('lateness')) : 0;
    const times = luck('webhookRepeated') < own.webhookRepeated ? own.webhookTimes : 1;
    const dueAt = now() + lateMs;
    run(
      'INSERT INTO webhooks (id, body, times, tries, dueAt) VALUES (?, ?, ?, 0, ?)',
      newId('evt'),
      JSON.stringify(event),
      times,
      dueAt,
    );
  }

  function settle(row: PaymentRow, state: 'succeeded' | 'failed', failure: string | null): void {
    run('UPDATE payments SET state = ?, failure = ? WHERE reference = ?', state, failure, row.reference);
    tell(`payment.${state}`, shown({ ...row, state, failure }), of(row));
  }
  const of = ({ amount, orderId }: PaymentRow) => behaviourFor(behaviour, { amount, order: orderId });
  const refund = (row: RefundRow): ProtocolRefund => ({ object: 'refund', ...row });

  return {
    behaviour: () => behaviour,
    behave(next: Behaviour): void {
      run('INSERT OR REPLACE INTO behaviour (only, json) VALUES (1, ?)', JSON.stringify(next));
      behaviour = next;
    },

    payment(reference: string): ProtocolPayment | null {
      const row = paymentRow(reference);
      return row === null ? null : shown(row);
    },

    addPayment(wanted: NewProtocolPayment): ProtocolPayment | Conflict {
      const { reference, order, amount, currency, expiresAt } = wanted;
      const there = paymentRow(reference);
      if (there !== null) {
        const isSame = there.amount === amount && there.currency === currency && there.orderId === order;
        return isSame ? shown(there) : { kind: 'conflict', says: `${reference} is another payment` };
      }
      if (now() >= Date.parse(expiresAt)) return { kind: 'conflict', says: `${reference} comes too late` };
      const own = behaviourFor(behaviour, wanted);
      const lingers = draw(own, 'linger', reference) < own.linger;
      const isDeclined = draw(own, 'decline', reference) < own.decline;
      const row: PaymentRow = {
        reference,
        id: newId('sbp'),
        orderId: order,
        amount,
        currency,
        state: 'pending',
        failure: isDeclined ? 'declined' : lingers ? 'expired' : null,
        fate: isDeclined || lingers ? 'failed' : 'succeeded',
      };
      atOnce(() => {
        const dueAt = lingers ? Date.parse(expiresAt) : now() + own.settleAfterMs;
        run(
          `INSERT INTO payments (${paymentFields}, dueAt) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?)`,
          ...[reference, row.id, order, amount, currency, row.failure, row.fate, dueAt],
        );
        tell('payment.created', shown({ ...row, failure: null }), own);
      });
      return shown({ ...row, failure: null });
    },

    addRefund({ reference, payment, amount, currency }: NewProtocolRefund): ProtocolRefund | Conflict {
      const there = refundRow(reference);
      if (there !== null) {
        const isSame = there.payment === payment && there.amount === amount && there.currency === currency;
        return isSame ? refund(there) : { kind: 'conflict', says: `${reference} is another refund` };
      }
      const paid = paymentRow(payment);
      if (paid === null) return { kind: 'conflict', says: `there is no payment ${payment}` };
      if (paid.state !== 'succeeded') return { kind: 'conflict', says: `payment ${payment} is ${paid.state}` };
      if (paid.amount !== amount || paid.currency !== currency) {
        return { kind: 'conflict', says: `payment ${payment} is of ${paid.amount} ${paid.currency}` };
      }
      if (all('SELECT 1 FROM refunds WHERE payment = ?', payment).length > 0) {
        return { kind: 'conflict', says: `payment ${payment} was refunded already` };
      }
      const row: RefundRow = { reference, id: newId('sbr'), payment, amount, currency, state: 'pending' };
      run(
        `INSERT INTO refunds (${refundFields}, dueAt) VALUES (?, ?, ?, ?, ?, 'pending', ?)`,
        ...[reference, row.id, payment, amount, currency, now() + of(paid).settleAfterMs],
      );
      return refund(row);
    },

    /** By hand, as when a person pays late or calls the bank. */
    settle(reference: string, state: 'succeeded' | 'failed'): ProtocolPayment | null {
      const row = paymentRow(reference);
      if (row !== null && row.state === 'pending') {
        atOnce(() => settle(row, state, state === 'failed' ? 'declined' : null));
      }
      return this.payment(reference);
    },

    /** Lets what is due go through. */
    settleDue(): void {
      const payments = all<PaymentRow>(
        `SELECT ${paymentFields} FROM payments WHERE state = 'pending' AND dueAt <= ? ORDER BY dueAt LIMIT 500`,
        now(),
      );
      const refunds = all<RefundRow>(
        `SELECT ${refundFields} FROM refunds WHERE state = 'pending' AND dueAt <= ? ORDER BY dueAt LIMIT 500`,
        now(),
      );
      if (payments.length + refunds.length === 0) return;
      atOnce(() => {
        for (const row of payments) settle(row, row.fate, row.failure);
        for (const row of refunds) {
          run("UPDATE refunds SET state = 'succeeded' WHERE reference = ?", row.reference);
          const paid = paymentRow(row.payment);
          if (paid !== null) tell('refund.succeeded', refund({ ...row, state: 'succeeded' }), of(paid));
        }
      });
    },

    dueWebhooks: (most: number) =>
      all<DueWebhook>(
        'SELECT seq, id, body, times, tries FROM webhooks WHERE dueAt <= ? ORDER BY dueAt, seq LIMIT ?',
        ...[now(), most],
      ),
    delivered: (seq: number) => run('DELETE FROM webhooks WHERE seq = ?', seq),
    notDelivered: (seq: number, againAt: number) =>
      run('UPDATE webhooks SET tries = tries + 1, dueAt = ? WHERE seq = ?', againAt, seq),

    books(prefix: string): SandboxBooks {
      const payments = all<PaymentRow>(
        `SELECT ${paymentFields} FROM payments WHERE substr(orderId, 1, length(?)) = ?`,
        ...[prefix, prefix],
      );
      const refunds = all<RefundRow>(
        `SELECT ${refundFields
          .split(', ')
          .map((field) => `r.${field}`)
          .join(', ')}
           FROM refunds r JOIN payments p ON p.reference = r.payment WHERE substr(p.orderId, 1, length(?)) = ?`,
        ...[prefix, prefix],
      );
      const sum = (rows: readonly { state: string; amount: number }[]) =>
        rows.reduce((total, { state, amount }) => total + (state === 'succeeded' ? amount : 0), 0);
      return {
        payments: payments.map(shown),
        refunds: refunds.map(refund),
        taken: sum(payments),
        returned: sum(refunds),
      };
    },

    close: () => database.close(),
  };
}
