import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../host/errors.ts';
import type { StackPlan } from '../plan/plan.ts';
import type { Server } from '../plan/servers.ts';
import { zookeeperCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';

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
      args: [
        // A small heap, and little time spent on compiling: it holds a few hundred bytes and is never on the hot path.
        '-Xmx128m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        // The transaction log grows in steps of this many KiB; the default of 64 MiB is written out at the start.
        '-Dzookeeper.preAllocSize=1024',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        '-Dorg.slf4j.simpleLogger.showDateTime=true',
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        '-cp',
        plan.zookeeperClasspath ?? debianClasspath(),
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        configFile,
      ],
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

function debianClasspath(): string {
  const missing = debianJars.filter((jar) => !existsSync(jar));
  if (missing.length > 0) {
    throw new StackError(
      'configuration',
      `ZooKeeper is not installed (no ${missing.join(', no ')}): run \`bash infra/setup/setup.sh\`, or set SECKILL_ZOOKEEPER_CLASSPATH`,
    );
  }
  return debianJars.join(':');
}

/** ZooKeeper reads its file as Java properties, in ISO 8859-1: another character would name another directory. */
const property = (text: string) =>
  text
    .replaceAll('\\', '\\\\')
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Sessions may be 1 to 10 s (2 and 20 ticks). The admin server would take port 8080. */
export function zookeeperConfig(options: { port: number; dataDir: string }): string {
  return `tickTime=500
dataDir=${property(options.dataDir)}
clientPort=${options.port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=ruok, srvr, mntr
autopurge.snapRetainCount=3
autopurge.purgeInterval=1
`;
}
