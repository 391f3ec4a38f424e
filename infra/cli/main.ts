#!/usr/bin/env node
import { interruptionBySignals } from './kit/interruption.ts';
import { runCli } from './run-cli.ts';

const { stdout, stderr } = process;
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // the reader (head, less) has seen enough
  stderr.write(`seckill: the result cannot be written: ${error.message}\n`);
  process.exit(1);
});

function surviveLostOutput(): void {
  let isStopping = false;
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' || isStopping) return;
    isStopping = true;
    process.kill(process.pid, 'SIGTERM');
  };
  for (const stream of [stdout, stderr]) {
    stream.removeAllListeners('error');
    stream.on('error', onError);
  }
}

process.exitCode = await runCli(process.argv.slice(2), {
  environment: process.env,
  stdin: () => process.stdin,
  stdout,
  stderr,
  interruption: () => interruptionBySignals(process, () => process.exit(130)),
  surviveLostOutput,
  onExit: (listener) => {
    process.on('exit', listener);
    return () => process.off('exit', listener);
  },
});
