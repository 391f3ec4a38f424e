-- Up Migration

-- The second guard: whatever Redis says, the database does not hold live orders for more units than the sale has.
ALTER TABLE sales ADD COLUMN stored_units integer NOT NULL DEFAULT 0;
UPDATE sales SET stored_units = coalesce(
  (SELECT sum(quantity) FROM orders
    WHERE sale_id = sales.id AND state IN ('awaiting_payment', 'paid', 'refunding')), 0);
ALTER TABLE sales ADD CONSTRAINT sales_units_guard CHECK (stored_units >= 0 AND stored_units <= units);

-- Down Migration

ALTER TABLE sales DROP COLUMN stored_units;
