import { StackError } from '../../stack/host/errors.ts';
import { checkoutDir } from '../../stack/plan/plan.ts';
import { consoleOf, startStack } from '../../stack/stack.ts';
import { describeEvent } from '../../stack/supervise/events.ts';
import { shellQuote } from '../../text/shell-quote.ts';
import { CliError } from '../kit/cli-error.ts';
import { openConnections } from '../kit/connections.ts';
import { createOutput } from '../kit/output.ts';
import type { CliRun } from '../kit/run.ts';
import { watchFunnel } from '../watch/watch-funnel.ts';
import { openDemoSale } from './demo-sale.ts';
import { startedLines } from './started-lines.ts';

/**
 * What `npm start` runs: the whole stack in this process, a demo sale that is open, and its live funnel until Ctrl-C,
 * which stops everything that was started here, in order.
 */
export async function runDemo(
  run: CliRun,
  options: { dir: string | undefined; port: number; units: number; ha: boolean },
): Promise<void> {
  const { signal: interrupted } = run.interruption();
  const left = new AbortController();
  // npm hands signals on, but cannot when it is killed itself: then this process gets another parent.
  const parent = process.ppid;
  const orphaned = setInterval(() => {
    if (process.ppid !== parent) left.abort(new CliError('the process that started this one is gone', 1));
  }, 500);
  orphaned.unref();
  const signal = AbortSignal.any([interrupted, left.signal]);
  const output = createOutput(run, false);
  run.surviveLostOutput();
  output.progress('starting the stack (usually 5 to 15 s; the first start also makes the database)');
  const stack = await startStack({
    dir: options.dir ?? `${checkoutDir}/.run`,
    port: options.port,
    ha: options.ha,
    environment: run.environment,
    signal,
    onEvent: (event) => output.progress(describeEvent(event)),
  }).catch((error: unknown) => {
    if (error instanceof StackError) throw new CliError(error.message, error.kind === 'configuration' ? 78 : 1);
    throw error;
  });
  try {
    const connections = await openConnections(stack.environment);
    const context = { ...connections, environment: stack.environment, output, run };
    try {
      const saleId = await openDemoSale(context, options.units);
      const place = await consoleOf(stack.dir);
      const where = options.dir === undefined ? '' : ` --dir ${shellQuote(options.dir)}`;
      output.result({}, ['', ...startedLines({ edgeUrl: stack.edgeUrl, saleId, where, place }), ''].join('\n'));
      await watchFunnel(context, saleId, { mode: run.stdout.isTTY ? 'line' : 'lines', signal });
    } finally {
      await connections.close();
    }
  } finally {
    output.progress('stopping');
    await stack.stop();
  }
}
