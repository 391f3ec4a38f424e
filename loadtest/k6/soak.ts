// The same load for as long as asked. The command looks for what grows meanwhile.
export { handleSummary, options, setup } from './lib/plan.ts';
export { buyer, shopper, visitor } from './lib/shopper.ts';
