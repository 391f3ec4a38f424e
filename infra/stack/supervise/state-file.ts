import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { cdcSinkNames } from '#contract/cdc.ts';
import type { RunDirectory } from '../host/run-directory.ts';
import { roles } from '../plan/roles.ts';

const processStateSchema = z.object({
  role: z.enum(roles),
  name: z.string(),
  pid: z.int().nullable(),
  /** See process-identity.ts; null while there is no process. */
  identity: z.string().nullable(),
  address: z.string(),
  innerUrl: z.url().nullable().default(null),
  phase: z.enum(['waiting', 'starting', 'up', 'down']),
  restarts: z.int(),
  startedAt: z.iso.datetime().nullable(),
});
export type ProcessState = z.infer<typeof processStateSchema>;

const stackStateSchema = z.object({
  version: z.literal(1),
  phase: z.enum(['starting', 'up', 'stopping', 'down']),
  supervisor: z.object({ pid: z.int(), identity: z.string() }).nullable(),
  edgePort: z.int(),
  services: z.int(),
  edges: z.int().default(1),
  ha: z.boolean().default(false),
  cdc: z.enum(cdcSinkNames).nullable().default(null),
  /** What it was started with, beyond what the stack makes; no secrets. */
  settings: z.record(z.string(), z.string()).default({}),
  /** First port of the block, and the port of each name: taken again at the next start when free. */
  portBase: z.int(),
  ports: z.record(z.string(), z.int()),
  processes: z.array(processStateSchema),
});
export type StackState = z.infer<typeof stackStateSchema>;

/** The state that was last written, or null when there is none (or one that another version wrote). */
export function readState(dir: RunDirectory): StackState | null {
  let text: string;
  try {
    text = readFileSync(dir.state, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw error;
  }
  try {
    return stackStateSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Replaces the state file as a whole: a reader sees the old one or the new one. Synchronous, so writes keep order. */
export function writeState(dir: RunDirectory, state: StackState): void {
  const draft = `${dir.state}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, dir.state);
}

const againMs = 2_000;

/**
 * Writes the state of a running stack. What cannot be written now (a full disk) is no reason to end anything: it is told once,
 * and the newest state is tried again every 2 s until it is written.
 */
export function createStateWriter(
  dir: RunDirectory,
  onProblem: (error: unknown) => void,
): { write: (state: StackState) => void; close: () => void } {
  let waiting: StackState | null = null;
  let timer: NodeJS.Timeout | undefined;
  const write = (state: StackState): void => {
    clearTimeout(timer);
    try {
      writeState(dir, state);
      waiting = null;
    } catch (error) {
      if (waiting === null) onProblem(error);
      waiting = state;
      timer = setTimeout(() => write(waiting ?? state), againMs).unref();
    }
  };
  return { write, close: () => clearTimeout(timer) };
}
