import { expect, test } from 'vitest';
import { faultOf, NotReplicated, StockFault } from '#stock/fault.ts';
import { toStockSale } from '#stock/stock-sale.ts';
import { errorText } from './error-text.ts';

test('a stock Redis that does not answer: says whether anything was done, and what stops a sale without it', () => {
  const hangs = errorText(faultOf(new Error('Command timed out')));
  expect(hangs).toContain('Command timed out');
  expect(hangs).toContain('it may have done what it was asked for, or not');
  expect(hangs).toContain('seckill edge maintenance on');
  expect(errorText(faultOf(new Error("Stream isn't writeable")))).toContain('nothing was done');
  expect(errorText(new Error('as it is'))).toBe('as it is');
});

test('a change that too few replicas have: says that it is done, what could undo it, and what to do', () => {
  const text = errorText(new StockFault('unknown', new NotReplicated(0, 1)));
  expect(text).toContain(
    'stock Redis has done it, but 0 of 1 replicas have it: if that server is lost now, it is undone',
  );
  expect(text).toContain('Neither ZooKeeper nor PostgreSQL was told of it');
  expect(text).toContain('"seckill status" shows the replicas');
});

test('a database that is older than the program: says what brings it there', () => {
  const missing = Object.assign(new Error('relation "replays" does not exist'), { code: '42P01' });
  expect(errorText(missing)).toBe(
    'relation "replays" does not exist. The schema of the database is older than this program: run "seckill migrate"',
  );
});

test('a sale whose window, limit or total is no number: names the field, and the command that says what mends it', () => {
  const terms = { opensAt: '1', closesAt: '2', limit: '1', total: '5' };
  const thrown = (wrong: object) => {
    const { opensAt, closesAt, limit, total } = { ...terms, ...wrong };
    try {
      return toStockSale('5', ['open', '1', opensAt, closesAt, limit, total, '0', '0']).total;
    } catch (error) {
      return errorText(error);
    }
  };
  expect(thrown({})).toBe(5);
  for (const field of Object.keys(terms)) {
    expect(thrown({ [field]: 'soon' })).toBe(
      `stock Redis holds no number as ${field} of the sale: "soon"; "seckill sale list" says what mends it`,
    );
  }
});
