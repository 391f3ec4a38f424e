import { inject } from 'vitest';

/** The stack that global-setup.ts brought up for this run: the whole system, private ports and directory. */
export type StackUnderTest = {
  dir: string;
  edgeUrl: string;
  edgeInnerUrl: string;
  /** SECKILL_* addresses and secrets, as `readConfig` and the CLI take them. */
  env: Record<string, string>;
};

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackUnderTest;
  }
}

export function stackUnderTest(): StackUnderTest {
  return inject('stack');
}
