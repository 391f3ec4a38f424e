import { parseArgs } from 'node:util';
import { runFuzz } from './fuzz.ts';

process.env.PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`; // where Debian keeps nginx

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '50000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    office: { type: 'boolean', default: false },
  },
});
const [requests, seed, only] = [values.requests, values.seed, values.only ?? '0'].map(Number);
if (![requests, seed, only].every((value) => Number.isInteger(value) && Number(value) >= 0)) {
  process.stderr.write(
    'usage: npm run fuzz -- [--requests 50000] [--seed N] [--only CASE] [--office], whole numbers; --office: challenges and tickets alone\n',
  );
  process.exit(2);
}
const summary = await runFuzz({
  requests: requests ?? 0,
  seed: seed ?? 0,
  isOffice: values.office,
  only: values.only === undefined ? undefined : only,
  log: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
process.exit(summary.faults.length === 0 && summary.workersKept && summary.forged + summary.unearned === 0 ? 0 : 1);
