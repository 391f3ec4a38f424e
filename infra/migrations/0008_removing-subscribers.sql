-- Up Migration

-- A subscriber that is being taken away is told nothing any more: while it is the last one nobody takes these entries out.
CREATE OR REPLACE FUNCTION fill_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- A new order's reservation is told by the drain itself, in batches.
  INSERT INTO outbox (consumer, seq, order_id)
    SELECT 'stock', seq, order_id FROM new_events WHERE type <> 'order.created';
  IF EXISTS (SELECT FROM subscribers WHERE state <> 'removing') THEN
    INSERT INTO outbox (consumer, seq, order_id) SELECT 'subscribers', seq, order_id FROM new_events;
  END IF;
  RETURN NULL;
END $$;

-- Down Migration

CREATE OR REPLACE FUNCTION fill_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- A new order's reservation is told by the drain itself, in batches.
  INSERT INTO outbox (consumer, seq, order_id)
    SELECT 'stock', seq, order_id FROM new_events WHERE type <> 'order.created';
  IF EXISTS (SELECT FROM subscribers) THEN
    INSERT INTO outbox (consumer, seq, order_id) SELECT 'subscribers', seq, order_id FROM new_events;
  END IF;
  RETURN NULL;
END $$;
