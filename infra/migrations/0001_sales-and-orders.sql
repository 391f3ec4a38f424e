-- Up Migration

CREATE TABLE sales (
  id                 text PRIMARY KEY,
  title              text NOT NULL,
  description        text NOT NULL,
  price_amount       bigint NOT NULL CHECK (price_amount > 0),
  currency           char(3) NOT NULL,
  units              integer NOT NULL CHECK (units > 0),
  limit_per_user     integer NOT NULL CHECK (limit_per_user > 0),
  opens_at           timestamptz NOT NULL,
  closes_at          timestamptz NOT NULL CHECK (closes_at > opens_at),
  pay_within_seconds integer NOT NULL CHECK (pay_within_seconds > 0),
  challenge          text NOT NULL,
  -- What was last published. Stock Redis decides; these two show how far it had come.
  state              text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'open', 'sold_out', 'paused', 'closed')),
  epoch              bigint NOT NULL DEFAULT 0,
  created_at         timestamptz NOT NULL DEFAULT now()
);

-- The primary key is the ticket's id: whatever is retried, one ticket is at most one row (I5).
CREATE TABLE orders (
  id          text PRIMARY KEY,
  sale_id     text NOT NULL REFERENCES sales (id),
  user_id     text NOT NULL,
  quantity    integer NOT NULL CHECK (quantity > 0),
  place       bigint NOT NULL,
  state       text NOT NULL CHECK (state IN
    ('awaiting_payment', 'paid', 'expired', 'cancelled', 'refunding', 'refunded', 'failed')),
  amount      bigint NOT NULL CHECK (amount > 0),
  currency    char(3) NOT NULL,
  pay_by      timestamptz NOT NULL,
  version     integer NOT NULL DEFAULT 1,
  accepted_at timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX orders_sale_place ON orders (sale_id, place);
CREATE INDEX orders_user ON orders (user_id, sale_id);

-- Append-only: what happened to each order, one version a change.
CREATE TABLE order_events (
  seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id   text NOT NULL REFERENCES orders (id),
  version    integer NOT NULL,
  type       text NOT NULL,
  data       jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (order_id, version)
);

-- Down Migration

DROP TABLE order_events;
DROP TABLE orders;
DROP TABLE sales;
