-- Up Migration

-- Null: the order page takes the money. Else the shop's own checkout (contract/sale.ts, Checkout).
ALTER TABLE sales
  ADD COLUMN checkout          jsonb,
  ADD COLUMN collect           text[] NOT NULL DEFAULT '{}',
  ADD COLUMN keep_details_days integer NOT NULL DEFAULT 180 CHECK (keep_details_days > 0);

-- Contact and address of an order's shopper (I10): sealed, and in this table alone. Rows are deleted when they are due, or for
-- the asking; so nothing points at them.
CREATE TABLE order_details (
  order_id   text PRIMARY KEY,
  sale_id    text NOT NULL,
  user_id    text NOT NULL,
  -- Which key seals it.
  key_id     text NOT NULL,
  sealed     bytea NOT NULL,
  erase_at   timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX order_details_user ON order_details (user_id);
CREATE INDEX order_details_to_erase ON order_details (erase_at);

-- Who may have them.
ALTER TABLE subscribers ADD COLUMN personal boolean NOT NULL DEFAULT false;

-- Down Migration

ALTER TABLE subscribers DROP COLUMN personal;
DROP TABLE order_details;
ALTER TABLE sales DROP COLUMN checkout, DROP COLUMN collect, DROP COLUMN keep_details_days;
