-- Up Migration

-- The states that an order may go through, in the database too: its twin is order-worker/orders/order-state.ts, and a
-- test tries every pair. One condition each, no function call for a row that is allowed.
ALTER TABLE orders ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

CREATE FUNCTION refuse_order_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'order % may not go from % (version %) to % (version %)',
    NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.state ELSE 'nothing' END,
    CASE TG_OP WHEN 'UPDATE' THEN OLD.version ELSE 0 END, NEW.state, NEW.version
    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_state_machine';
END $$;

CREATE TRIGGER orders_first_state BEFORE INSERT ON orders FOR EACH ROW
  WHEN (NEW.version <> 1 OR NEW.state NOT IN ('awaiting_payment', 'failed'))
  EXECUTE FUNCTION refuse_order_move();

CREATE TRIGGER orders_next_state BEFORE UPDATE ON orders FOR EACH ROW
  WHEN (
    (NEW.state <> OLD.state AND (NEW.version <> OLD.version + 1 OR (OLD.state, NEW.state) NOT IN (
      ('awaiting_payment', 'paid'),
      ('awaiting_payment', 'expired'),
      ('awaiting_payment', 'cancelled'),
      ('paid', 'refunding'),
      ('refunding', 'refunded'))))
    OR (NEW.state = OLD.state AND NEW.version <> OLD.version)
    OR (NEW.id, NEW.sale_id, NEW.user_id, NEW.quantity, NEW.place, NEW.amount, NEW.currency)
       IS DISTINCT FROM (OLD.id, OLD.sale_id, OLD.user_id, OLD.quantity, OLD.place, OLD.amount, OLD.currency))
  EXECUTE FUNCTION refuse_order_move();

-- What finds unpaid orders whose delayed job was lost: a bounded look along an index, never the table.
CREATE INDEX orders_unpaid ON orders (pay_by) WHERE state = 'awaiting_payment';

-- History is only ever added to.
CREATE FUNCTION refuse_rewriting_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'order_events is append-only' USING ERRCODE = 'check_violation', CONSTRAINT = 'order_events_append_only';
END $$;
CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_history();

-- The outbox: what still has to be told of each event, to whom. Written by the transaction that writes the event, taken
-- out when it was told (order-worker/outbox/outbox.ts). `stock` gives units back and shows the order's new state.
CREATE TABLE outbox (
  consumer text NOT NULL,
  seq      bigint NOT NULL,
  order_id text NOT NULL,
  PRIMARY KEY (consumer, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE FUNCTION fill_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- A new order's reservation is told by the drain itself, in batches.
  INSERT INTO outbox (consumer, seq, order_id)
    SELECT 'stock', seq, order_id FROM new_events WHERE type <> 'order.created';
  RETURN NULL;
END $$;
CREATE TRIGGER order_events_outbox AFTER INSERT ON order_events REFERENCING NEW TABLE AS new_events
  FOR EACH STATEMENT EXECUTE FUNCTION fill_outbox();

-- Down Migration

DROP TRIGGER order_events_outbox ON order_events;
DROP FUNCTION fill_outbox;
DROP TABLE outbox;
DROP TRIGGER order_events_append_only ON order_events;
DROP FUNCTION refuse_rewriting_history;
DROP INDEX orders_unpaid;
DROP TRIGGER orders_next_state ON orders;
DROP TRIGGER orders_first_state ON orders;
DROP FUNCTION refuse_order_move;
ALTER TABLE orders DROP COLUMN updated_at;
