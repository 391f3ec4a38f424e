import { type ChildProcess, spawn } from 'node:child_process';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Plan } from '../plan/plan.ts';
import type { Answers } from './answers.ts';

export type RunningK6 = {
  pid: number;
  /** Resolves when k6 is gone; never rejects. `said` is the end of what it complained about. */
  ended: Promise<{ code: number | null; said: string[] }>;
  /** Resolves when the scenarios begin; rejects when k6 ends before. */
  started: Promise<void>;
  /** An orderly end, whose summary still comes; the hard one follows when that takes too long. */
  stop: () => void;
};

const scripts = join(import.meta.dirname, '../k6');
const orderlyMs = 20_000;

/**
 * k6 is Go: with its heap swept at five times what it holds, not at twice, a request costs it a fifth to a quarter less
 * processor, which the system under test needs. Above a quarter of the machine's memory it is swept more often again.
 */
const sweeps = { GOGC: '400', GOMEMLIMIT: `${Math.floor(totalmem() / 4 / 2 ** 20)}MiB` };
const keptLines = 40;

/**
 * Starts k6 on the script of a plan. It sends nothing to anybody but the plan's edge: no usage report, no look-up of
 * extensions, no API server of its own.
 */
export function startK6(options: {
  binary: string;
  script: string;
  plan: Plan;
  answers: Answers;
  environment: Readonly<Record<string, string>>;
  onComplaint: (line: string) => void;
}): RunningK6 {
  const { binary, script, plan, answers, environment, onComplaint } = options;
  const args = ['run', '--quiet', '--no-color', '--log-format', 'raw', '--no-usage-report', '--address', ''];
  if (plan.localIps !== null) args.push('--local-ips', plan.localIps);
  const child = spawn(binary, [...args, join(scripts, `${script}.ts`)], {
    env: {
      ...sweeps,
      ...environment,
      SECKILL_LOADTEST_PLAN: JSON.stringify(plan),
      K6_AUTO_EXTENSION_RESOLUTION: 'false',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    // Out of the terminal's group: a Ctrl-C is ours to hand on, once. A second one would end k6 without its summary.
    detached: true,
  });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  child.once('close', () => process.off('exit', endWithUs));
  const said: string[] = [];
  let onStarted: () => void = () => {};
  let onEnded: (error: Error) => void = () => {};
  const started = new Promise<void>((resolve, reject) => {
    onStarted = resolve;
    onEnded = reject;
  });
  started.catch(() => {}); // whoever does not wait for it learns of the end by `ended`
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('~')) {
      try {
        answers.take(line.slice(1));
      } catch (error) {
        answers.take(`broken ${error instanceof Error ? error.message : String(error)}`);
      }
      if (line.startsWith('~start')) onStarted();
      return;
    }
    if (line.trim() === '') return;
    said.push(line);
    if (said.length > keptLines) said.shift();
    onComplaint(line);
  });
  const ended = new Promise<{ code: number | null; said: string[] }>((resolve) => {
    const end = (code: number | null) => {
      onEnded(new Error(`k6 ended before it began: ${said.join(' ') || `exit code ${code}`}`));
      resolve({ code, said });
    };
    child.on('error', (error) => {
      said.push(error.message);
      end(null);
    });
    // `close`, not `exit`: the last lines are still in the pipe then.
    child.on('close', end);
  });
  return { pid: child.pid ?? -1, ended, started, stop: () => stop(child) };
}

function stop(child: ChildProcess): void {
  if (child.exitCode !== null) return;
  child.kill('SIGINT');
  setTimeout(() => child.kill('SIGKILL'), orderlyMs).unref();
}
