import { parseArgs } from 'node:util';
import { runDiffer } from './differ.ts';

process.env.PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`; // where Debian keeps nginx

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
  },
});
const [requests = 0, seed = 0, only = 0] = [values.requests, values.seed, values.only ?? '0'].map(Number);
if (![requests, seed, only].every((value) => Number.isInteger(value) && value >= 0)) {
  process.stderr.write('usage: npm run differ -- [--requests 100000] [--seed N] [--only SCENE], whole numbers\n');
  process.exit(2);
}
const { byKind, differences, ...summary } = await runDiffer({
  ...{ requests, seed },
  only: values.only === undefined ? undefined : only,
  log: (line) => process.stderr.write(`${line}\n`),
});
const width = Math.max(...Object.keys(byKind).map(({ length }) => length));
for (const [what, counts] of Object.entries(byKind).sort(([a], [b]) => (a < b ? -1 : 1))) {
  const { asked, byEdge, passedOn, different } = counts;
  process.stdout.write(
    `${what.padEnd(width)}  asked ${asked}, by the edge ${byEdge}, passed on ${passedOn}, equal ${asked - different}, different ${different}\n`,
  );
}
process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
for (const { what, scene, difference, request } of differences) {
  process.stdout.write(
    `\n${what}: ${difference}\n${request}\nagain by: npm run differ -- --seed ${seed} --only ${scene}\n`,
  );
}
process.exit(differences.length === 0 && summary.faults.length === 0 ? 0 : 1);
