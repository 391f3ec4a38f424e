import { runCdc } from './run-cdc.ts';

await runCdc();
