import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { spawnTied } from '#lab/servers/tied-process.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { readEnsemble } from '#runtime/zookeeper/topology.ts';
import { requireProgram } from '../host/binaries.ts';
import { runDirectory } from '../host/run-directory.ts';
import { startStack } from '../stack.ts';
import { readState } from '../supervise/state-file.ts';
import { zookeeperArgs, zookeeperLogin } from './zookeeper-config.ts';
import { zookeeperClasspath } from './zookeeper-server.ts';

test('with --ha three ZooKeeper have one leader, one that dies comes back into the quorum, and no stranger gets in', async () => {
  const dir = temporaryDirectory('ensemble');
  const stack = await startStack({
    dir,
    ha: true,
    only: ['zookeeper'],
    port: 'any',
    environment: process.env,
  });
  onTestFinished(stack.stop);
  const { SECKILL_ZOOKEEPER: connection = '' } = stack.environment;
  const roles = async () =>
    (await readEnsemble(connection)).map((server) => (server.kind === 'serving' ? server.role : server.kind));
  expect((await roles()).sort()).toEqual(['follower', 'follower', 'leader']);

  const last = (await roles()).lastIndexOf('follower');
  const name = `zookeeper-${last + 1}`;
  const processOf = () => readState(runDirectory(dir))?.processes.find((each) => each.name === name);
  process.kill(processOf()?.pid ?? 0, 'SIGKILL');
  await poll('the one that died', async () => {
    const { restarts = 0, phase } = processOf() ?? {};
    return restarts === 1 && phase === 'up' && (await roles())[last] === 'follower';
  });

  await stack.stop();
  // A stranger in the place of the last server, with its configuration and without the password.
  const config = (of: string, file: string) => join(dir, 'config', `${of}${file}`);
  const loginFile = join(dir, 'stranger.conf');
  writeFileSync(loginFile, zookeeperLogin('guessed'));
  const java = requireProgram('java', process.env.PATH ?? '');
  const classpath = zookeeperClasspath({ zookeeperClasspath: process.env.SECKILL_ZOOKEEPER_CLASSPATH });
  const start = (of: string, login: string) => {
    const args = zookeeperArgs({ classpath, configFile: config(of, '.cfg'), loginFile: login });
    const server = spawnTied(java, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    onTestFinished(() => server.end('SIGKILL'));
    let said = '';
    server.child.stderr?.on('data', (text: Buffer) => {
      said += text.toString();
    });
    return () => said;
  };
  const stranger = start('zookeeper-3', loginFile);
  const real = start('zookeeper-1', config('zookeeper-1', '-login.conf'));
  await poll('each to be refused by the other', () =>
    [stranger(), real()].every(
      (said) => said.includes('Failed to authenticate using SASL') && said.includes('Authentication failed against'),
    ),
  );
  expect(await roles()).toEqual(['looking', 'away', 'looking']);
});
