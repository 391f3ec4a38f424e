import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { checkoutDir } from '#infra/stack/host/run-directory.ts';
import { poll } from '../poll.ts';
import { buy, saleOf, startEdge } from './edge.ts';
import { freePort } from './free-port.ts';
import { removeAbandoned } from './private-run.ts';
import { descendantsOf, living } from './process-family.ts';

let blocker: Server;
let taken: number;
beforeAll(async () => {
  blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  taken = (blocker.address() as AddressInfo).port; // a TCP server's
});
afterAll(() => blocker.close());

test('an edge whose port was taken before nginx bound it is started again with another one', async () => {
  const ports = [taken, await freePort()];
  const edge = await startEdge({}, [], { nextPort: async () => ports.shift() ?? freePort() });
  onTestFinished(edge.stop);
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  expect((await buy(edge, 'open')).status).toBe(202);
  expect(edge.port).not.toBe(taken);
});

test('where every port is taken the start fails after the fifth, and nothing is left of it', async () => {
  let asked = 0;
  const nextPort = async () => {
    asked += 1;
    return taken;
  };
  const before = descendantsOf(process.pid);
  await expect(startEdge({}, [], { nextPort })).rejects.toThrow(/ports taken 5 times: .*Address already in use/s);
  expect(asked).toBe(5 * 2);
  expect(descendantsOf(process.pid)).toEqual(before);
});

test('a configuration that nginx refuses fails the start with its words', async () => {
  const values = { workers: 1, realIpHeader: 'X-Forwarded-For', ticketKeysFile: '/nowhere/ticket-keys' };
  await expect(startEdge({}, [], { values })).rejects.toThrow(/nginx ended: .*\/nowhere\/ticket-keys/s);
});

const program = `
  import { startCdn } from '${join(import.meta.dirname, 'cdn.ts')}';
  import { startEdge } from '${join(import.meta.dirname, 'edge.ts')}';
  import { startRedis } from '${join(import.meta.dirname, 'redis.ts')}';
  import { temporaryDirectory } from '${join(import.meta.dirname, '../temporary-directory.ts')}';
  const dir = temporaryDirectory('killed');
  const edge = await startEdge();
  await startCdn(dir + '/cdn', '127.0.0.1:' + edge.port);
  await startRedis({ socket: dir + '/redis.sock' });
  process.stdout.write(dir);
`;

test.runIf(process.platform === 'linux')(
  'a killed test process leaves no server, and its directories to the next run',
  async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: checkoutDir,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const [dir = ''] = (await Promise.race([once(child.stdout, 'data'), ended])).map(String);
    const servers = descendantsOf(child.pid ?? 0);
    expect(servers.length).toBeGreaterThanOrEqual(6); // two nginx with their workers, a Redis
    child.kill('SIGKILL');
    await ended;
    await poll('every server to end', () => living(servers).length === 0);

    const edges = readdirSync(join(checkoutDir, '.run')).filter((name) => name.startsWith(`test-edge-${child.pid}-`));
    expect([existsSync(dir), edges.length]).toEqual([true, 1]);
    await removeAbandoned();
    expect([existsSync(dir), existsSync(join(checkoutDir, '.run', edges[0] ?? ''))]).toEqual([false, false]);
  },
);
