import * as barrier from './barrier.ts';
import * as cdc from './cdc.ts';
import * as cold from './cold.ts';
import * as drain from './drain.ts';
import * as edge from './edge.ts';
import * as expiry from './expiry.ts';
import * as history from './history.ts';
import * as memory from './memory.ts';
import * as officeMemory from './office-memory.ts';
import * as parts from './parts.ts';
import * as purchase from './purchase.ts';
import * as rate from './rate.ts';
import * as relay from './relay.ts';
import * as reserve from './reserve.ts';
import * as scaling from './scaling.ts';
import * as shopper from './shopper.ts';

/** `npm run bench -- <name> [options]`; each bench writes loadtest/results/<name>.json and returns a table. */
const benches: Record<string, { summary: string; run: (args: string[]) => Promise<string> }> = {
  barrier,
  cdc,
  cold,
  drain,
  edge,
  expiry,
  history,
  memory,
  'office-memory': officeMemory,
  parts,
  purchase,
  rate,
  relay,
  reserve,
  scaling,
  shopper,
};

// A bench has servers of its own: addresses of others must not reach what it starts.
for (const setting of Object.keys(process.env)) if (setting.startsWith('SECKILL_')) delete process.env[setting];
process.env.PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`; // where Debian keeps nginx
if (process.platform === 'linux') process.env.LC_ALL = 'C.UTF-8'; // Redis dies of a locale that was not generated

const [name = '', ...args] = process.argv.slice(2);
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (bench === undefined) {
  const lines = Object.entries(benches).map(([each, { summary }]) => `  ${each}  ${summary}`);
  process.stderr.write(`usage: npm run bench -- <name> [options]\n${lines.join('\n')}\n`);
  process.exitCode = 2;
} else {
  // The servers that a bench started go with it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  try {
    process.stdout.write(await bench.run(args));
  } catch (error) {
    // A wrong option, by parseArgs or by the bench; anything else is a failure that wants its stack.
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}
