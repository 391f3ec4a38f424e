-- Up Migration

-- What the data team reads along (docs/data-team.md). The columns are those of contract/cdc.ts, a test compares: a new column of
-- these tables is not published until it is named in both. Not in it: contact and address (another table, I10), the provider's own
-- words (payments.reason, refunds.last_error), where a shopper pays (payments.next), and when our processes look again.
CREATE PUBLICATION seckill_cdc FOR TABLE
  orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, version, accepted_at, created_at, updated_at),
  order_events (seq, order_id, version, type, data, created_at),
  payments (id, order_id, state, amount, currency, provider_id, created_at, updated_at, declined, taken_by),
  refunds (id, payment_id, order_id, state, reason, amount, currency, provider_id, created_at, updated_at)
  WITH (publish = 'insert, update, delete');

-- Down Migration

DROP PUBLICATION seckill_cdc;
