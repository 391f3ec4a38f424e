import { ConfigError } from './config.ts';

/** The part of a process that a main function may touch: given by hand in tests. */
export type Host = {
  env: Record<string, string | undefined>;
  on: (signal: 'SIGTERM' | 'SIGINT', listener: (signal: NodeJS.Signals) => void) => unknown;
  exit: (code: number) => unknown;
  stderr: { write: (text: string) => unknown };
};

/**
 * Runs a process' main function with the environment: the only place that reads `process.env`. A configuration error
 * is printed without a stack and exits 78; any other error at the start exits 1. A promise that nobody handles ends
 * the process: its supervisor starts a clean one.
 */
export async function runMain(
  name: string,
  main: (environment: Host['env']) => Promise<void>,
  host: Host = process,
): Promise<void> {
  try {
    await main(host.env);
  } catch (error) {
    const text = error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error);
    host.stderr.write(`${name}: ${text}\n`);
    host.exit(error instanceof ConfigError ? 78 : 1);
  }
}
