import type { Role } from '../plan/roles.ts';

type Of = { role: Role; name: string };

/** What happens to the stack, as it happens: for progress lines, and for tests. */
export type StackEvent =
  | { type: 'note'; text: string }
  | (Of & { type: 'starting'; address: string })
  /** `nth` of `all` processes, at the start of the stack; 0 when it came back later. */
  | (Of & { type: 'ready'; address: string; pid: number; tookMs: number; restarts: number; nth: number; all: number })
  | (Of & {
      type: 'died';
      pid: number;
      code: number | null;
      signal: NodeJS.Signals | null;
      restartInMs: number;
      problem: string | null;
    })
  | (Of & { type: 'not-started'; problem: string; againInMs: number })
  | (Of & { type: 'stopped'; by: 'itself' | NodeJS.Signals })
  | { type: 'up'; edgeUrl: string; tookMs: number }
  | { type: 'stopping'; reason: string }
  | { type: 'down' };

export type OnEvent = (event: StackEvent) => void;

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** The event as one line for a person. */
export function describeEvent(event: StackEvent): string {
  switch (event.type) {
    case 'note':
      return event.text;
    case 'starting':
      return `${event.name}: starting on ${event.address}`;
    case 'ready':
      return event.nth === 0
        ? `${event.name}: ready again after ${seconds(event.tookMs)} (pid ${event.pid})`
        : `${event.name}: ready after ${seconds(event.tookMs)} (pid ${event.pid}), ${event.nth} of ${event.all}`;
    case 'died': {
      const how = event.signal === null ? `exit code ${event.code}` : event.signal;
      const why = event.problem === null ? '' : `; ${event.problem}`;
      return `${event.name}: died (pid ${event.pid}, ${how}), restarting in ${seconds(event.restartInMs)}${why}`;
    }
    case 'not-started':
      return `${event.name}: cannot be started now (${event.problem}), trying again in ${seconds(event.againInMs)}`;
    case 'stopped':
      return event.by === 'SIGKILL' ? `${event.name}: killed, it did not stop in time` : `${event.name}: stopped`;
    case 'up':
      return `up after ${seconds(event.tookMs)}: ${event.edgeUrl}`;
    case 'stopping':
      return `stopping: ${event.reason}`;
    case 'down':
      return 'down';
  }
}
