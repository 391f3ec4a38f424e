import { SingleBar } from 'cli-progress';
import { onOneLine } from '../../text/printable.ts';
import type { RunOutput } from './run.ts';

/** How far something is, on a terminal's stderr; nothing is drawn elsewhere, nor for what is done in a moment. */
export type Bar = {
  step: (by?: number) => void;
  at: (done: number) => void;
  /** Whether it is on the screen: who would print lines otherwise need not. */
  readonly isShown: boolean;
  /** Takes it off the screen. May be called again. */
  end: () => void;
};

export type ProgressStream = RunOutput;

/** Long enough that what is quick is not seen, short of the two seconds that a person waits without asking. */
const shownAfterMs = 700;
const tickMs = 250;

const nothing: Bar = { step: () => {}, at: () => {}, isShown: false, end: () => {} };

/** A bar of `total` steps. `isQuiet`: results are for a machine. */
export function createBar(options: {
  label: string;
  total: number;
  stream: ProgressStream;
  isQuiet?: boolean;
  now?: () => number;
}): Bar {
  const { label, total, stream, isQuiet = false, now = Date.now } = options;
  if (isQuiet || stream.isTTY !== true) return nothing;
  const from = now();
  let done = 0;
  let bar: SingleBar | null = null;
  let ended = false;
  const draw = () => {
    if (ended || now() - from < shownAfterMs) return;
    if (bar === null) {
      bar = newBar(stream, `${label} [{bar}] {percentage} % | {value}/{total} | {eta_formatted} to go`);
      bar.start(total, done);
    } else bar.update(done);
  };
  return {
    step: (by = 1) => {
      done = Math.min(total, done + by);
      draw();
    },
    at: (value) => {
      done = Math.min(total, Math.max(0, value));
      draw();
    },
    get isShown() {
      return bar !== null && !ended;
    },
    end: () => {
      ended = true;
      bar?.stop();
      bar = null;
    },
  };
}

/** Waits for something of unknown length, and says on a terminal what is waited for and how long by now. */
export async function waitingFor<T>(
  label: string,
  work: Promise<T>,
  options: { stream: ProgressStream; isQuiet?: boolean },
): Promise<T> {
  const { stream, isQuiet = false } = options;
  if (isQuiet || stream.isTTY !== true) return work;
  const from = Date.now();
  const seconds = () => Math.floor((Date.now() - from) / 1000);
  let bar: SingleBar | null = null;
  const timer = setInterval(() => {
    if (Date.now() - from < shownAfterMs) return;
    if (bar === null) {
      bar = newBar(stream, `${label} … {value} s`);
      bar.start(Number.MAX_SAFE_INTEGER, seconds());
    } else bar.update(seconds());
  }, tickMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    (bar as SingleBar | null)?.stop(); // assigned in the timer, which the compiler does not see
  }
}

// The cursor stays as it is and no signal is caught: whoever is interrupted in the middle leaves a terminal in order.
const newBar = (stream: ProgressStream, format: string) =>
  new SingleBar({
    stream,
    format: onOneLine(format),
    clearOnComplete: true,
    hideCursor: false,
    gracefulExit: false,
    barsize: 30,
    etaBuffer: 50,
  });
