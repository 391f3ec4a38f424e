-- Up Migration

-- Who is told about orders, and how. Secrets are kept as they are: whoever signs needs them.
CREATE TABLE subscribers (
  id               smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name             text NOT NULL UNIQUE,
  url              text NOT NULL,
  allow_inner      boolean NOT NULL,
  secret           text NOT NULL,
  old_secret       text,
  old_secret_until timestamptz,
  types            text[],
  rate_per_second  integer,
  concurrency      integer NOT NULL,
  batch_size       integer NOT NULL,
  tries            integer NOT NULL,
  first_wait_ms    integer NOT NULL,
  longest_wait_ms  integer NOT NULL,
  state            text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'removing')),
  paused_why       text,
  failing_since    timestamptz,
  last_error       text,
  -- Gets the events after this one. Set after the row is committed, see subscriber-store.ts.
  after_seq        bigint,
  created_at       timestamptz NOT NULL DEFAULT now()
);

-- What a subscriber still has to be told of an order: versions next_version to last_version. Nothing is kept of what was
-- delivered, so the table is as long as the backlog. is_queued: a job of the subscriber's queue has it (or had, until
-- queue Redis was wiped).
CREATE TABLE deliveries (
  subscriber_id smallint NOT NULL,
  order_id      text NOT NULL,
  first_version integer NOT NULL,
  next_version  integer NOT NULL,
  last_version  integer NOT NULL,
  is_queued     boolean NOT NULL,
  since         timestamptz NOT NULL,
  PRIMARY KEY (subscriber_id, order_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX deliveries_unqueued ON deliveries (subscriber_id, since) WHERE NOT is_queued;

-- An order's past, told again: page by page, up to where it was when it was asked for.
CREATE TABLE replays (
  id            text PRIMARY KEY,
  subscriber_id smallint NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
  from_seq      bigint NOT NULL,
  to_seq        bigint NOT NULL,
  -- The page under way: events after page_seq, up to next_seq.
  page_seq      bigint NOT NULL,
  next_seq      bigint NOT NULL,
  sent          bigint NOT NULL DEFAULT 0,
  failed        bigint NOT NULL DEFAULT 0,
  state         text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  finished_at   timestamptz
);
CREATE INDEX replays_running ON replays (subscriber_id) WHERE state = 'running';

-- Subscribers hear of new orders too. Without any, an event costs the outbox nothing more than before.
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

-- Down Migration

CREATE OR REPLACE FUNCTION fill_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outbox (consumer, seq, order_id)
    SELECT 'stock', seq, order_id FROM new_events WHERE type <> 'order.created';
  RETURN NULL;
END $$;
DROP TABLE replays;
DROP TABLE deliveries;
DROP TABLE subscribers;
