// A sale's opening, and its rehearsal. docs/loadtest.md says what it does.
export { handleSummary, options, setup } from './lib/plan.ts';
export { asker, buyer, visitor } from './lib/shopper.ts';
