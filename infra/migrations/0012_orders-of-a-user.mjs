/**
 * The orders of one user, newest first (`GET /api/orders`): in the place of `orders_user`, which no query used. The number
 * of indexes stays, and an entry is smaller than before.
 *
 * Outside of a transaction, CONCURRENTLY: orders are stored while it is built, and only the end of those transactions is waited for
 * that were open at its beginning. A build that was cut off leaves an index that is not valid: the next run drops it and begins anew.
 */
export function up(pgm) {
  pgm.noTransaction();
  pgm.sql('DROP INDEX CONCURRENTLY IF EXISTS orders_user_newest');
  pgm.sql('CREATE INDEX CONCURRENTLY orders_user_newest ON orders (user_id, accepted_at)');
  pgm.sql('DROP INDEX CONCURRENTLY IF EXISTS orders_user');
}

export function down(pgm) {
  pgm.noTransaction();
  pgm.sql('CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_user ON orders (user_id, sale_id)');
  pgm.sql('DROP INDEX CONCURRENTLY IF EXISTS orders_user_newest');
}
