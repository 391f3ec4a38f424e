import { setTimeout as wait } from 'node:timers/promises';
import { onOneLine } from '../../text/printable.ts';
import { shorten } from '../../text/table.ts';
import type { CommandContext } from '../kit/connections.ts';
import { usualColumns } from '../kit/run.ts';
import { type Funnel, readFunnel } from './funnel.ts';
import { funnelLine } from './funnel-line.ts';
import { openScreen } from './screen.ts';
import { funnelView, rateOverMs, type Sample } from './view.ts';

const screenEveryMs = 500;

type WatchOptions = {
  /**
   * `screen` takes the whole terminal; `line` redraws one line of it; `lines` looks once a second and writes what has
   * changed; `json` writes one document a second.
   */
  mode: 'screen' | 'line' | 'lines' | 'json';
  signal: AbortSignal;
  rounds?: number;
};

/** Shows the funnel until `signal` aborts, or for `rounds` looks. */
export async function watchFunnel(context: CommandContext, saleId: string, options: WatchOptions): Promise<void> {
  if (options.mode === 'screen') return watchOnScreen(context, saleId, options);
  const { mode, signal, rounds = Number.POSITIVE_INFINITY } = options;
  const { stdout, terminal } = context.run;
  let last = '';
  for (let round = 0; round < rounds && !signal.aborted; round += 1) {
    const funnel = await readFunnel(context, saleId).catch(messageOf);
    if (mode === 'json') stdout.write(`${jsonLine(saleId, funnel)}\n`);
    else if (mode === 'line') {
      const width = (stdout.columns || usualColumns) - 1;
      terminal.stdout.write(`\r\x1b[2K${shorten(onOneLine(textLine(saleId, funnel, width)), width)}`);
    } else {
      const text = textLine(saleId, funnel, null);
      if (text !== last) stdout.write(`${text}\n`);
      last = text;
    }
    if (round + 1 < rounds) await pause(mode === 'line' ? 250 : 1000, signal);
  }
  if (mode === 'line') stdout.write('\n');
}

/** A round that could not be read is told, and the next one is tried. */
const textLine = (saleId: string, funnel: Funnel | string, width: number | null) =>
  typeof funnel === 'string' ? `${saleId}: ${funnel}` : funnelLine(funnel, width);
const jsonLine = (saleId: string, funnel: Funnel | string) =>
  JSON.stringify(typeof funnel === 'string' ? { saleId, error: { message: funnel } } : funnel);

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const pause = (ms: number, signal: AbortSignal) => wait(ms, undefined, { signal }).catch(() => {}); // aborted: done

async function watchOnScreen(context: CommandContext, saleId: string, options: WatchOptions): Promise<void> {
  const { signal, rounds = Number.POSITIVE_INFINITY } = options;
  const quit = new AbortController();
  const done = AbortSignal.any([signal, quit.signal]);
  const samples: Sample[] = [];
  let problem: string | null = null;
  const draw = () => {
    const now = samples.at(-1);
    const earlier = samples.length > 1 ? (samples[0] ?? null) : null;
    if (now === undefined) screen.draw([`${saleId}: ${problem ?? 'looking …'}`]);
    else screen.draw(funnelView({ now, earlier, ...screen.size(), problem }));
  };
  const screen = openScreen(context.run, { onQuit: () => quit.abort(), onResize: () => draw() });
  try {
    draw();
    for (let round = 0; round < rounds && !done.aborted; round += 1) {
      const funnel = await readFunnel(context, saleId).catch(messageOf);
      problem = typeof funnel === 'string' ? funnel : null;
      if (typeof funnel !== 'string') samples.push({ funnel, atMs: Date.now() });
      while (samples.length > 2 && (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0) > rateOverMs) samples.shift();
      draw();
      if (round + 1 < rounds) await pause(screenEveryMs, done);
    }
  } finally {
    screen.close();
  }
  // What was seen last stays on the terminal.
  const last = samples.at(-1);
  if (last !== undefined) context.run.stdout.write(`${funnelLine(last.funnel)}\n`);
}
