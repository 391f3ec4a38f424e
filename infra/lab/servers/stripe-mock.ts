import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram } from '#infra/stack/host/binaries.ts';
import { checkoutDir } from '#infra/stack/host/run-directory.ts';
import { spawnTied } from './tied-process.ts';

/** The stripe-mock that `npm run setup:stripe-mock` has built, else null: what needs it is skipped then, and says so. */
export function findStripeMock(): string | null {
  const script = readFileSync(join(checkoutDir, 'infra/setup/stripe-mock.sh'), 'utf8');
  const version = /^version=(\S+)$/m.exec(script)?.[1];
  return findProgram(`stripe-mock-${version}`, '', [join(checkoutDir, '.run/bin')]);
}

/** Stripe's mock server: it refuses what Stripe's published schema does not allow, and answers with examples out of it. */
export async function startStripeMock(program: string) {
  // It speaks HTTPS in any case, and on every interface unless it is told otherwise.
  const server = spawnTied(program, ['-http-addr', '127.0.0.1:', '-https-addr', '127.0.0.1:'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: server.child.stdout ?? process.stdin });
  const address = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      const found = /Listening for HTTP at address: (\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    lines.once('close', () => reject(new Error('stripe-mock ended')));
  });
  return { url: `http://${address}`, close: () => server.end() };
}
