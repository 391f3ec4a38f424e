-- Up Migration

-- One row a payment that was begun. Its id is ours, and the idempotency key at the provider: it is written before the
-- provider is asked, so no money is ever taken that we do not know of.
CREATE TABLE payments (
  id          text PRIMARY KEY,
  order_id    text NOT NULL REFERENCES orders (id),
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'succeeded', 'failed')),
  amount      bigint NOT NULL CHECK (amount > 0),
  currency    char(3) NOT NULL,
  -- The provider's own id; null until it has answered.
  provider_id text,
  -- Why it failed.
  reason      text,
  -- How often the provider was asked how it stands, and when it is to be asked next.
  checks      integer NOT NULL DEFAULT 0,
  check_at    timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (id, order_id, amount, currency)
);
CREATE INDEX payments_order ON payments (order_id);
-- A second press of the button continues the first payment.
CREATE UNIQUE INDEX payments_one_open ON payments (order_id) WHERE state = 'pending';
CREATE INDEX payments_to_check ON payments (check_at) WHERE state = 'pending';

CREATE FUNCTION refuse_payment_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% % may not become so', TG_TABLE_NAME, NEW.id
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_state_machine';
END $$;

-- Money that came stays known: a payment that failed may have succeeded after all, one that succeeded never changes.
CREATE TRIGGER payments_next_state BEFORE UPDATE ON payments FOR EACH ROW
  WHEN (
    (NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('pending', 'succeeded'), ('pending', 'failed'), ('failed', 'succeeded')))
    OR (NEW.id, NEW.order_id, NEW.amount, NEW.currency)
       IS DISTINCT FROM (OLD.id, OLD.order_id, OLD.amount, OLD.currency))
  EXECUTE FUNCTION refuse_payment_move();

-- All of a payment goes back, once: the amount is the payment's own, by the foreign key.
CREATE TABLE refunds (
  id          text PRIMARY KEY,
  payment_id  text NOT NULL UNIQUE,
  order_id    text NOT NULL,
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'succeeded')),
  reason      text NOT NULL CHECK (reason IN
    ('requested', 'order_expired', 'order_cancelled', 'order_failed', 'paid_twice')),
  amount      bigint NOT NULL,
  currency    char(3) NOT NULL,
  provider_id text,
  last_error  text,
  -- When somebody is to see that it has its job.
  look_at     timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (payment_id, order_id, amount, currency) REFERENCES payments (id, order_id, amount, currency)
);
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_to_look_at ON refunds (look_at) WHERE state = 'pending';
-- An order is refunded once for the asking.
CREATE UNIQUE INDEX refunds_one_requested ON refunds (order_id) WHERE reason = 'requested';

CREATE TRIGGER refunds_next_state BEFORE UPDATE ON refunds FOR EACH ROW
  WHEN (
    (NEW.state <> OLD.state AND OLD.state <> 'pending')
    OR (NEW.id, NEW.payment_id, NEW.order_id, NEW.reason, NEW.amount, NEW.currency)
       IS DISTINCT FROM (OLD.id, OLD.payment_id, OLD.order_id, OLD.reason, OLD.amount, OLD.currency))
  EXECUTE FUNCTION refuse_payment_move();

-- Only money that came goes back.
CREATE FUNCTION refuse_refund_of_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM payments WHERE id = NEW.payment_id AND state = 'succeeded') THEN
    RAISE EXCEPTION 'payment % has not succeeded', NEW.payment_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'refunds_of_money_that_came';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refunds_of_money_that_came BEFORE INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION refuse_refund_of_nothing();

-- Ids of the provider's events that were taken in, for a while: one that comes again is done with at once.
CREATE TABLE payment_events (
  id          text PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payment_events_received ON payment_events (received_at);

-- Down Migration

DROP TABLE payment_events;
DROP TABLE refunds;
DROP FUNCTION refuse_refund_of_nothing;
DROP TABLE payments;
DROP FUNCTION refuse_payment_move;
