-- Up Migration

-- Whether a refunded unit goes back on sale; what ops wrote in the sale's file.
ALTER TABLE sales ADD COLUMN restock boolean NOT NULL DEFAULT true;

-- Down Migration

ALTER TABLE sales DROP COLUMN restock;
