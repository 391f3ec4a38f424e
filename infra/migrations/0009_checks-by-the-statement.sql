-- Up Migration

-- A foreign key asks and locks once for each row: a third of what storing an order cost. These triggers keep the same
-- guarantees, and ask once for each statement.

ALTER TABLE orders DROP CONSTRAINT orders_sale_id_fkey;
ALTER TABLE order_events DROP CONSTRAINT order_events_order_id_fkey;

-- Every order has its sale. The lock is a foreign key's: a sale that is being deleted is waited for, and then missed.
CREATE FUNCTION refuse_orders_of_no_sale() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted text[] := ARRAY(SELECT DISTINCT sale_id FROM new_orders);
  found integer;
BEGIN
  PERFORM FROM sales WHERE id = ANY (wanted) FOR KEY SHARE;
  GET DIAGNOSTICS found = ROW_COUNT;
  IF found < cardinality(wanted) THEN
    RAISE EXCEPTION 'orders need their sale: not all of % are in sales', wanted
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'orders_have_a_sale';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER orders_have_a_sale AFTER INSERT ON orders REFERENCING NEW TABLE AS new_orders
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_orders_of_no_sale();

-- Asked after the lock is held: the orders that were stored meanwhile are seen.
CREATE FUNCTION refuse_losing_a_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM orders WHERE sale_id = OLD.id) THEN
    RAISE EXCEPTION 'sale % has orders', OLD.id
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'sales_with_orders_stay';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER sales_with_orders_stay AFTER DELETE ON sales FOR EACH ROW EXECUTE FUNCTION refuse_losing_a_sale();
CREATE TRIGGER sales_keep_their_id AFTER UPDATE OF id ON sales FOR EACH ROW
  WHEN (NEW.id <> OLD.id) EXECUTE FUNCTION refuse_losing_a_sale();

-- An order is never deleted, and its id never changes (orders_next_state): so an event cannot lose its order later.
-- Its history did not let it go before either.
CREATE FUNCTION refuse_deleting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME
    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_stay';
END $$;
CREATE TRIGGER orders_stay BEFORE DELETE OR TRUNCATE ON orders FOR EACH STATEMENT EXECUTE FUNCTION refuse_deleting();
CREATE TRIGGER sales_stay BEFORE TRUNCATE ON sales FOR EACH STATEMENT EXECUTE FUNCTION refuse_deleting();

-- Every event has its order. A subquery for each, and no join: it goes along the primary key, also when the planner
-- knew of the table when it made the plan.
CREATE FUNCTION refuse_events_of_no_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  missing text;
BEGIN
  SELECT e.order_id INTO missing FROM new_events e
    WHERE (SELECT true FROM orders o WHERE o.id = e.order_id) IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'an event needs its order: % is not in orders', missing
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'order_events_have_an_order';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER order_events_have_an_order AFTER INSERT ON order_events REFERENCING NEW TABLE AS new_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_events_of_no_order();

-- Down Migration

DROP TRIGGER order_events_have_an_order ON order_events;
DROP FUNCTION refuse_events_of_no_order;
DROP TRIGGER sales_stay ON sales;
DROP TRIGGER orders_stay ON orders;
DROP FUNCTION refuse_deleting;
DROP TRIGGER sales_keep_their_id ON sales;
DROP TRIGGER sales_with_orders_stay ON sales;
DROP FUNCTION refuse_losing_a_sale;
DROP TRIGGER orders_have_a_sale ON orders;
DROP FUNCTION refuse_orders_of_no_sale;
ALTER TABLE order_events ADD FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE orders ADD FOREIGN KEY (sale_id) REFERENCES sales (id);
