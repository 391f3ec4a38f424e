import { inject } from 'vitest';
import type { Stack } from '#infra/stack/stack.ts';

/** The stack that shared-stack.ts brought up for this run: the whole system, private ports and directory. */
export type StackUnderTest = {
  dir: string;
  /** The first of `edges`. */
  edgeUrl: string;
  edgeInnerUrl: string;
  edges: Stack['edges'];
  /** SECKILL_* addresses and secrets, as `readConfig` and the CLI take them. */
  env: Record<string, string>;
  /** Of examples/identity-provider, whose tokens are taken beside the demo's. The pages lead to it where a test has them do so. */
  signInUrl: string;
};

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackUnderTest;
  }
}

export function stackUnderTest(): StackUnderTest {
  return inject('stack');
}
