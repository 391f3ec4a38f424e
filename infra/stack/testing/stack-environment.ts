/** The addresses of a running stack, passwords and all: for a bench that looks behind the command line. */
export { stackEnvironment } from '../stack.ts';
