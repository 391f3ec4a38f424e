import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { logSize, logTail, tellingLine } from './log-file.ts';

test('the tail shows the last lines of this life, none of an earlier one', () => {
  const dir = mkdtempSync(join(tmpdir(), 'log-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const log = join(dir, 'x.log');
  expect(logTail(log, 0, 20)).toEqual([]);
  appendFileSync(log, 'an earlier life\n');
  const from = logSize(log);
  expect(logTail(log, from, 20)).toEqual([]);
  appendFileSync(log, 'one\ntwo\nthree\n');
  expect(logTail(log, from, 2)).toEqual(['two', 'three']);
  expect(logTail(log, from, 20)).toEqual(['one', 'two', 'three']);
  expect(logTail(dir, 0, 20)).toEqual([]); // what cannot be read ends no supervisor
  writeFileSync(log, 'four\n'); // it was emptied meanwhile
  expect(logTail(log, from + 100, 20)).toEqual(['four']);
});

test.each([
  {
    of: 'a crash of Node',
    log: `node:events:497
      throw er; // Unhandled 'error' event
      ^

error: terminating connection due to administrator command
    at Parser.parseErrorMessage (/x/pg-protocol/dist/parser.js:285:98)
    at Socket.<anonymous> (node:net:2339:12)
Emitted 'error' event on Client instance at:
    at Client._handleErrorEvent (/x/pg/lib/client.js:389:10) {
  length: 116,
  severity: 'FATAL',
  code: '57P01',
}

Node.js v24.21.0`,
    line: 'error: terminating connection due to administrator command',
  },
  {
    of: 'a plain error of Node',
    log: "node:internal/modules:1\nError: Cannot find module 'x'\n    at f (y.js:1:2)\n\nNode.js v24.21.0",
    line: "Error: Cannot find module 'x'",
  },
  {
    of: 'Java',
    log: `2026-11-30 [main] ERROR o.a.z.s.q.QuorumPeerMain - Invalid config, exiting abnormally
org.apache.zookeeper.server.quorum.QuorumPeerConfig$ConfigException: Error processing /x/zookeeper.cfg
\tat org.apache.zookeeper.server.quorum.QuorumPeerConfig.parse(QuorumPeerConfig.java:197)
Caused by: java.lang.IllegalArgumentException: /x/zookeeper.cfg file is missing
\tat org.apache.zookeeper.server.util.VerifyingFileFactory.create(VerifyingFileFactory.java:64)
\t... 2 more
2026-11-30 [main] ERROR org.apache.zookeeper.util.ServiceUtils - Exiting JVM with code 2`,
    line: 'Caused by: java.lang.IllegalArgumentException: /x/zookeeper.cfg file is missing',
  },
  {
    of: 'PostgreSQL',
    log: `2026-11-30 06:02:34.903 UTC [4652] LOG:  starting PostgreSQL 15.18
2026-11-30 06:02:34.904 UTC [4652] FATAL:  could not create lock file "postmaster.pid": No space left on device
2026-11-30 06:02:34.905 UTC [4652] HINT:  Make some room.
2026-11-30 06:02:34.906 UTC [4652] LOG:  database system is shut down`,
    line: '2026-11-30 06:02:34.904 UTC [4652] FATAL:  could not create lock file "postmaster.pid": No space left on device',
  },
  {
    of: 'nginx',
    log: 'nginx: [emerg] unknown directive "lua_x" in /x/nginx.conf:3\nnginx: configuration file /x/nginx.conf test failed',
    line: 'nginx: [emerg] unknown directive "lua_x" in /x/nginx.conf:3',
  },
  {
    of: 'Redis',
    log: '1:M * Configuration loaded\n1:M # Failed to configure LOCALE for invalid locale name.\n',
    line: '1:M # Failed to configure LOCALE for invalid locale name.',
  },
  {
    of: 'a process of ours',
    log: '{"level":"info","msg":"ready"}\n{"level":"fatal","err":{"message":"no space left on device"},"msg":"gone"}',
    line: 'gone: no space left on device',
  },
  {
    of: 'a configuration error',
    log: 'gateway: SECKILL_LISTEN: is missing',
    line: 'gateway: SECKILL_LISTEN: is missing',
  },
  { of: 'nothing', log: '\nNode.js v24.21.0\n', line: null },
])('the telling line of $of is the one that says why', ({ log, line }) => {
  expect(tellingLine(log.split('\n'))).toBe(line);
});
