import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../host/errors.ts';
import type { StackPlan } from '../plan/plan.ts';
import type { Server } from '../plan/servers.ts';
import { zookeeperCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { zookeeperArgs, zookeeperConfig, zookeeperLogin } from './zookeeper-config.ts';

/** Debian's zookeeper.jar names the jars that it needs in its manifest; only the logger is ours to choose. */
const debianJars = ['/usr/share/java/zookeeper.jar', '/usr/share/java/slf4j-simple.jar'];

/** `--ha`: it is ready once it is in a quorum, so the first of an ensemble waits for the second. */
export function zookeeperServer(plan: StackPlan, { name, port }: Server): ProcessSpec {
  const { ha, dir } = plan;
  const dataDir = dir.data(name);
  const configFile = join(dir.config, `${name}.cfg`);
  const loginFile = join(dir.config, `${name}-login.conf`);
  return {
    role: 'zookeeper',
    name,
    address: `127.0.0.1:${port}`,
    portName: name,
    after: [],
    line: {
      command: plan.program('java'),
      args: zookeeperArgs({ classpath: zookeeperClasspath(plan), configFile, ...(ha ? { loginFile } : {}) }),
    },
    environment: plan.baseEnvironment,
    cwd: dir.root,
    prepare: async () => {
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      if (!ha) {
        await writeFile(configFile, zookeeperConfig({ port, dataDir }));
        return;
      }
      const ensemble = ensembleOf(plan);
      await writeFile(configFile, zookeeperConfig({ port, dataDir, ensemble: ensemble.map(({ member }) => member) }));
      await writeFile(join(dataDir, 'myid'), `${ensemble.find((each) => each.name === name)?.member.id}\n`);
      await writeFile(loginFile, '', { mode: 0o600 });
      await chmod(loginFile, 0o600); // of an earlier start
      await writeFile(loginFile, zookeeperLogin(ensemblePassword(plan)));
    },
    check: zookeeperCheck(port),
  };
}

const ensembleOf = (plan: StackPlan) =>
  plan.servers('zookeeper').map(({ name }, index) => ({
    name,
    member: { id: index + 1, quorumPort: plan.port(`${name}-quorum`), electionPort: plan.port(`${name}-election`) },
  }));

/** What the servers prove to each other. It follows from the password of our nodes, and is not that one. */
const ensemblePassword = ({ secrets }: StackPlan): string =>
  createHash('sha256').update(`ensemble ${secrets.zookeeperAuth}`).digest('hex');

/** Of the setting, or Debian's. Throws a {@link StackError} where there is none. */
export function zookeeperClasspath(plan: Pick<StackPlan, 'zookeeperClasspath'>): string {
  if (plan.zookeeperClasspath !== undefined) return plan.zookeeperClasspath;
  const missing = debianJars.filter((jar) => !existsSync(jar));
  if (missing.length > 0) {
    throw new StackError(
      'configuration',
      `ZooKeeper is not installed (no ${missing.join(', no ')}): run \`bash infra/setup/setup.sh\`, or set SECKILL_ZOOKEEPER_CLASSPATH`,
    );
  }
  return debianJars.join(':');
}
