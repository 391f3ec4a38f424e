import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../host/errors.ts';
import type { StackPlan } from '../plan/plan.ts';
import type { Server } from '../plan/servers.ts';
import { zookeeperCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { zookeeperArgs, zookeeperConfig } from './zookeeper-config.ts';

/** Debian's zookeeper.jar names the jars that it needs in its manifest; only the logger is ours to choose. */
const debianJars = ['/usr/share/java/zookeeper.jar', '/usr/share/java/slf4j-simple.jar'];

export function zookeeperServer(plan: StackPlan, { name, port }: Server): ProcessSpec {
  const dataDir = plan.dir.data(name);
  const configFile = join(plan.dir.config, `${name}.cfg`);
  return {
    role: 'zookeeper',
    name,
    address: `127.0.0.1:${port}`,
    portName: name,
    after: [],
    line: {
      command: plan.program('java'),
      args: zookeeperArgs({ classpath: zookeeperClasspath(plan), configFile }),
    },
    environment: plan.baseEnvironment,
    cwd: plan.dir.root,
    prepare: async () => {
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      await writeFile(configFile, zookeeperConfig({ port, dataDir }));
    },
    check: zookeeperCheck(port),
  };
}

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
