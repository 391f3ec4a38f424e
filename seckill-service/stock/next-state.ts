import type { StoredSaleState } from '#contract/sale.ts';
import type { SaleAction } from './outcomes.ts';
import type { StockSale } from './stock-sale.ts';

/**
 * What set-state.lua would answer now, for whoever only wants to know. The script decides; a test compares the two for
 * every state and action. `openNow` as in {@link Stock.setState}.
 */
export function nextState(
  sale: Pick<StockSale, 'state' | 'free' | 'fault'>,
  action: SaleAction,
  openNow = false,
): { kind: 'done' | 'already' | 'not_allowed' | 'faulty'; state: StoredSaleState } {
  const { state, free, fault } = sale;
  const onSale = state === 'open' || state === 'sold_out';
  const onShelf = free > 0 ? 'open' : 'sold_out';
  const isAlready = {
    open: onSale && !openNow,
    resume: onSale,
    pause: state === 'paused',
    close: state === 'closed',
  };
  if (isAlready[action]) return { kind: 'already', state };
  if (action === 'close') return { kind: 'done', state: 'closed' };
  if (action === 'pause' && onSale) return { kind: 'done', state: 'paused' };
  if (action === 'open' && state === 'draft') return { kind: 'done', state: onShelf };
  if (action === 'open' && state === 'open') return { kind: 'done', state: 'open' };
  if (action === 'resume' && state === 'paused') {
    return fault === null ? { kind: 'done', state: onShelf } : { kind: 'faulty', state };
  }
  return { kind: 'not_allowed', state };
}
