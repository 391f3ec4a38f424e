/** 1 a check failed, 2 usage, 78 configuration (EX_CONFIG, sysexits.h). */
export type FailureExitCode = 1 | 2 | 78;

/** A failure whose message is all that the user needs: `run-cli.ts` prints it without a stack and exits with its code. */
export class CliError extends Error {
  readonly exitCode: FailureExitCode;
  constructor(message: string, exitCode: FailureExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}
