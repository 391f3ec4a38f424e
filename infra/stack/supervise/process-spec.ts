import type { CommandLine } from '../host/launch.ts';
import type { GrowingLog } from '../host/rotate-growing.ts';
import type { Role } from '../plan/roles.ts';
import type { Check } from './health.ts';

/** One process of the stack: everything the supervisor needs to know of it. */
export type ProcessSpec = {
  role: Role;
  /** Unique, and the name of its log. */
  name: string;
  /** Where it serves, as a person or a client writes it. Without a password. */
  address: string;
  /** Where /healthz, /readyz and /metrics are; null for the servers that are not ours. */
  innerUrl?: string;
  /** The port of its own that it binds, by the name in the port table. */
  portName: string | null;
  /** Roles whose every process must be ready first. */
  after: readonly Role[];
  line: CommandLine;
  environment: Readonly<Record<string, string>>;
  cwd: string;
  /** What must be there before the first start. Idempotent: it runs at every start of the stack. */
  prepare?: (signal: AbortSignal) => Promise<void>;
  /** A process that it starts and that does not end with it: it is killed then, as nothing of a dead life goes on. */
  outlivedBy?: () => number | null;
  /** A log beside the one that the supervisor keeps, which grows with the work. */
  growing?: GrowingLog;
  check: Check;
  /** What must be done once it answers, before it counts as ready and those after it start. */
  afterReady?: () => Promise<void>;
};
