import * as reserve from './reserve.ts';

/** `npm run bench -- <name> [options]`; each bench writes loadtest/results/<name>.json and returns a table. */
const benches: Record<string, { summary: string; run: (args: string[]) => Promise<string> }> = { reserve };

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
