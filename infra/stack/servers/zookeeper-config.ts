/** A server of an ensemble. Its ports for the others are open on 127.0.0.1 alone. */
export type EnsembleMember = { id: number; quorumPort: number; electionPort: number };

/** ZooKeeper reads its file as Java properties, in ISO 8859-1: another character would name another directory. */
const property = (text: string) =>
  text
    .replaceAll('\\', '\\\\')
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * Sessions may be 1 to 10 s (2 and 20 ticks). The admin server would take port 8080. `ensemble`: every member, this one
 * too; none where it stands alone.
 */
export function zookeeperConfig(options: {
  port: number;
  dataDir: string;
  ensemble?: readonly EnsembleMember[];
}): string {
  return `tickTime=500
dataDir=${property(options.dataDir)}
clientPort=${options.port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=ruok, srvr, mntr
autopurge.snapRetainCount=3
autopurge.purgeInterval=1
${options.ensemble === undefined ? '' : ensembleConfig(options.ensemble)}`;
}

/**
 * A server has 10 s to read the tree of its leader, and 2.5 s to answer it: then it is left out, or left. Only who knows the
 * password of `zookeeperLogin` has a part in elections; the list of servers is this file's alone.
 */
const ensembleConfig = (members: readonly EnsembleMember[]) => `initLimit=20
syncLimit=5
standaloneEnabled=false
reconfigEnabled=false
quorum.auth.enableSasl=true
quorum.auth.learnerRequireSasl=true
quorum.auth.serverRequireSasl=true
${members.map(({ id, quorumPort, electionPort }) => `server.${id}=127.0.0.1:${quorumPort}:${electionPort}\n`).join('')}`;

/** The file of JAAS by which the servers of an ensemble know each other. `password`: letters and digits. */
export const zookeeperLogin = (password: string) => `QuorumServer {
  org.apache.zookeeper.server.auth.DigestLoginModule required user_seckill="${password}";
};
QuorumLearner {
  org.apache.zookeeper.server.auth.DigestLoginModule required username="seckill" password="${password}";
};
`;

/** Arguments of java. `loginFile`: of {@link zookeeperLogin}, for a server of an ensemble. */
export function zookeeperArgs(options: { classpath: string; configFile: string; loginFile?: string }): string[] {
  const { classpath, configFile, loginFile } = options;
  return [
    // A small heap, and little time spent on compiling: it holds a few hundred bytes and is never on the hot path.
    loginFile === undefined ? '-Xmx128m' : '-Xmx96m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    // The transaction log grows in steps of this many KiB; the default of 64 MiB is written out at the start.
    '-Dzookeeper.preAllocSize=1024',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    ...(loginFile === undefined ? [] : [`-Djava.security.auth.login.config=${loginFile}`]),
    '-cp',
    classpath,
    'org.apache.zookeeper.server.quorum.QuorumPeerMain',
    configFile,
  ];
}
