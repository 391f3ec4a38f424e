/** The face of this folder: the CLI, `npm start` and tests use these and nothing behind them. */
export { startDetached } from './detached.ts';
export { StackError } from './host/errors.ts';
export type { ServerRole } from './plan/roles.ts';
export {
  type ConsolePlace,
  consoleOf,
  findRunningStack,
  type ProcessStatus,
  type StackStatus,
  stackEnvironment,
  stackStatus,
  stopStack,
} from './running-stack.ts';
export {
  type Rewire,
  type ServerPorts,
  type Stack,
  type StackOptions,
  startStack,
} from './start-stack.ts';
export { describeEvent, type OnEvent, type StackEvent } from './supervise/events.ts';
