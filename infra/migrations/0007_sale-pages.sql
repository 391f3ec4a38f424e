-- Up Migration

-- What a sale may bring of its own. `quiz` holds the answers sealed (gateway/tickets/quiz.ts), never in the clear.
ALTER TABLE sales
  ADD COLUMN translations           jsonb,
  ADD COLUMN quiz                   jsonb,
  ADD COLUMN challenge_lead_seconds integer CHECK (challenge_lead_seconds > 0);

-- The product's picture as pages show it: made from ops' file, small enough for a first load. Read when pages are written.
CREATE TABLE sale_pictures (
  sale_id text NOT NULL REFERENCES sales (id),
  size    text NOT NULL CHECK (size IN ('page', 'card')),
  width   integer NOT NULL CHECK (width > 0),
  height  integer NOT NULL CHECK (height > 0),
  webp    bytea NOT NULL CHECK (length(webp) <= 65536),
  PRIMARY KEY (sale_id, size)
);

-- Down Migration

DROP TABLE sale_pictures;
ALTER TABLE sales DROP COLUMN translations, DROP COLUMN quiz, DROP COLUMN challenge_lead_seconds;
