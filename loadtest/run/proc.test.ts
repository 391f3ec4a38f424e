import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { busySeconds, networkBytes, watchProcesses } from './proc.ts';

test('idle time and waiting for a disk are not busy time', () => {
  expect(busySeconds('cpu  100 200 300 4000 5000 10 20 30 0 0\ncpu0 1 2 3 4\n')).toBeCloseTo(6.6);
});

test('what loopback sends is counted once, other interfaces in both directions', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0:     500       5    0    0    0     0          0         0      250       5    0    0    0     0       0          0
  eth1:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
`;
  expect(networkBytes(text)).toEqual({ 'net.lo': 1000, 'net.eth0': 750 });
});

test.runIf(process.platform === 'linux')(
  'a process counts with its children, and one that is gone with nothing',
  async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")']);
    await once(child.stdout, 'data');
    const read = await watchProcesses([
      { name: 'tests', pids: [process.pid] },
      { name: 'child', pids: [child.pid ?? -1] },
      { name: 'tests alone', pids: [process.pid], alone: true },
      { name: 'nobody', pids: [2 ** 22 + 1] },
    ]);
    const { gauges, counters } = await read();
    expect(gauges['rss.tests']).toBeGreaterThan(gauges['rss.child'] ?? Number.POSITIVE_INFINITY);
    expect(gauges['rss.tests']).toBeGreaterThan(gauges['rss.tests alone'] ?? Number.POSITIVE_INFINITY);
    expect(gauges['files.child']).toBeGreaterThan(2);
    expect(counters['cpu.tests']).toBeGreaterThan(0);
    expect(gauges).not.toHaveProperty('rss.nobody');
    const gone = once(child, 'exit');
    child.kill();
    await gone;
    expect((await read()).gauges).not.toHaveProperty('rss.child');
  },
);
