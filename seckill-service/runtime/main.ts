import { ConfigError } from './config.ts';

/**
 * Runs a process' main function with the environment: the only place that reads `process.env`. A configuration error
 * is printed without a stack and exits 78; any other error at the start exits 1. A promise that nobody handles ends
 * the process: its supervisor starts a clean one.
 */
export async function runMain(
  name: string,
  main: (environment: Record<string, string | undefined>) => Promise<void>,
): Promise<void> {
  try {
    await main(process.env);
  } catch (error) {
    const text = error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${name}: ${text}\n`);
    process.exit(error instanceof ConfigError ? 78 : 1);
  }
}
