import { counted } from '#runtime/counted.ts';
import {
  type RedisProblem,
  type RedisReplicaState,
  type RedisTopology,
  readRedisTopology,
} from '#runtime/redis/topology.ts';
import type { Group, Part } from './group.ts';

type Name = 'stock Redis' | 'queue Redis';

/**
 * Who is the primary at `url`, and who follows it. `asked`: how many replicas must have a yes, by SECKILL_STOCK_REPLICAS; 0
 * where nothing waits for one. Throws ConfigError for a URL of no use.
 */
export async function redisGroup(name: Name, url: string, asked: number): Promise<Group> {
  return redisGroupOf(name, await readRedisTopology(url), asked);
}

/** The same, of a topology that was read. */
export function redisGroupOf(name: Name, topology: RedisTopology, asked: number): Group {
  const { primary, replicas, sentinels, problems } = topology;
  const silent = new Set(problems.flatMap((it) => (it.kind === 'replica-silent' ? [it.address] : [])));
  // A replica that does not answer is not in sync either: once is enough.
  const told = problems.filter((it) => !(it.kind === 'replica-offline' && silent.has(it.address)));
  const online = replicas.filter(isInSync).length;
  return {
    name,
    says: saysOf(topology),
    problems: [
      ...told.map((problem) => problemText(name, topology, problem)),
      ...(asked > online && primary !== null ? [fewReplicas(asked, online)] : []),
    ],
    servers: [
      ...(primary === null ? [] : [primaryPart(topology, primary.address, primary.trouble)]),
      ...replicas.map(replicaPart),
      ...sentinels.map(({ address, trouble }): Part => ({ address, part: 'sentinel', lag: null, problem: trouble })),
    ],
  };
}

const isInSync = ({ online, trouble }: RedisReplicaState): boolean => online && trouble === null;

function saysOf({ kind, primary, replicas, sentinels }: RedisTopology): string {
  if (kind === 'single' && replicas.length === 0) {
    if (primary === null || primary.trouble !== null) return `${primary?.address ?? 'the server'} does not answer`;
    return primary.role === 'slave' ? `${primary.address} is a replica` : `${primary.address} stands alone`;
  }
  const agree = sentinels.filter(({ sees }) => sees !== null && sees === primary?.address).length;
  return [
    primary === null ? 'no primary' : `${primary.address} is the primary`,
    ...(primary === null
      ? []
      : [`${replicas.filter(isInSync).length} of ${counted(replicas.length, 'replica')} in sync`]),
    ...(kind === 'single'
      ? []
      : [`${agree} of ${counted(sentinels.length, 'sentinel')} ${primary === null ? 'name one' : 'agree'}`]),
  ].join('; ');
}

const fewReplicas = (asked: number, online: number): string =>
  `SECKILL_STOCK_REPLICAS asks for ${counted(asked, 'replica')}, and ${online === 0 ? 'none is' : `only ${online} are`} in sync: nothing is sold`;

/** What stands still without a primary. */
const without: Record<Name, string> = { 'stock Redis': 'nothing is sold', 'queue Redis': 'orders wait in stock Redis' };

function problemText(name: Name, topology: RedisTopology, problem: RedisProblem): string {
  const called = `a primary called "${topology.name}"`;
  const at = 'address' in problem ? problem.address : '';
  const all = [...topology.sentinels, ...topology.replicas, ...(topology.primary === null ? [] : [topology.primary])];
  const why = all.find(({ address }) => address === at)?.trouble ?? 'no answer';
  switch (problem.kind) {
    case 'no-primary':
      return `no sentinel names ${called}: ${without[name]}`;
    case 'sentinel-silent':
      return `sentinel ${at} does not answer: ${why}`;
    case 'name-unknown':
      return `sentinel ${at} knows no primary called "${topology.name}"`;
    case 'sentinel-behind':
      return `sentinel ${at} has not heard of the last failover`;
    case 'primary-silent':
      return `the primary ${at} does not answer (${why}): ${without[name]}`;
    case 'primary-is-replica':
      return topology.kind === 'single'
        ? `${at} is a replica, and no primary: ${without[name]}`
        : `the sentinels name ${at} the primary, and it is a replica: ${without[name]}`;
    case 'replica-silent':
      return `replica ${at} does not answer: ${why}`;
    case 'replica-offline':
      return `replica ${at} is not in sync with the primary`;
  }
}

function primaryPart({ kind, replicas, primary }: RedisTopology, address: string, problem: string | null): Part {
  const isAlone = kind === 'single' && replicas.length === 0;
  const part = primary?.role === 'slave' ? 'replica' : isAlone ? 'alone' : 'primary';
  return { address, part: problem === null ? part : null, lag: null, problem };
}

function replicaPart({ address, online, lagBytes, lagSeconds, trouble }: RedisReplicaState): Part {
  const problem = trouble ?? (online ? null : 'not in sync with the primary');
  return { address, part: 'replica', lag: { bytes: lagBytes, seconds: lagSeconds }, problem };
}
