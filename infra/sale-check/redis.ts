import type { Redis } from '#runtime/redis/connect.ts';
import { addressOf, type HostAndPort } from '#runtime/redis/place.ts';
import { type Found, fail, pass, warn } from './finding.ts';
import { parseInfo, readSettings } from './read-redis.ts';
import type { RedisGroup } from './redis-group.ts';

type Wanted = { name: string; value: string; why: string };

const noEviction: Wanted = {
  name: 'maxmemory-policy',
  value: 'noeviction',
  why: 'a full server must say no, not forget a reservation or a job',
};

/** What each Redis must be set to, and why. infra/stack/servers/redis-server.ts writes the same for the local stack. */
export const redisSettings: Readonly<Record<'stock' | 'queue', readonly Wanted[]>> = {
  stock: [
    noEviction,
    { name: 'appendonly', value: 'yes', why: 'without it a restart forgets every yes' },
    { name: 'appendfsync', value: 'always', why: 'a yes that left the building is on disk' },
    {
      name: 'aof-load-truncated',
      value: 'no',
      why: 'Redis 7.0 would apply half a torn transaction at a later start (docs/decisions/0007)',
    },
  ],
  // Its persistence is a convenience: the relay and the sweeper fill it again.
  queue: [noEviction],
};

/** What {@link judgeRedis} needs to ask for. */
export const settingNames = (kind: 'stock' | 'queue'): string[] => redisSettings[kind].map(({ name }) => name);

/** Settings, the last write to disk, the role and the memory of one Redis that has no sentinel. */
export async function checkRedis(kind: 'stock' | 'queue', redis: Redis, url: string): Promise<Found[]> {
  const { hostname, port, password } = new URL(url);
  const [settings, info] = await Promise.all([readSettings(redis, settingNames(kind)), redis.info().then(parseInfo)]);
  const place = { host: hostname, port: port === '' ? 6379 : Number(port), hasPassword: password !== '' };
  const all = [...judgeRedis(kind, { settings, info }, place), ...checkRole(info)];
  return all.length > 0 ? all : [wellSet(kind)];
}

/** The same of every Redis of a group: each may be the primary tomorrow. */
export function checkRedisGroup(kind: 'stock' | 'queue', { nodes, hasPassword }: RedisGroup): Found[] {
  const all = nodes.flatMap((node): Found[] =>
    node.kind === 'away'
      ? [] // told by what looks at the replicas
      : judgeRedis(kind, node, { ...node.at, hasPassword: hasPassword.servers }).map((found) => ({
          ...found,
          says: `${addressOf(node.at)}: ${found.says}`,
        })),
  );
  return all.length > 0 ? all : [wellSet(kind)];
}

const wellSet = (kind: 'stock' | 'queue') =>
  pass(redisSettings[kind].map(({ name, value }) => `${name} ${value}`).join(', '));

/** What a command for that server begins with. The password itself is never shown. */
export const cliOf = ({ host, port }: HostAndPort, hasPassword: boolean): string =>
  `${hasPassword ? 'REDISCLI_AUTH=<password> ' : ''}redis-cli -h ${host} -p ${port}`;

/** What one Redis says of itself, judged; `place` is where a command that mends reaches it. */
export function judgeRedis(
  kind: 'stock' | 'queue',
  { settings, info }: { settings: ReadonlyMap<string, string> | null; info: ReadonlyMap<string, string> },
  place: HostAndPort & { hasPassword: boolean },
): Found[] {
  const wanted = redisSettings[kind];
  const cli = cliOf(place, place.hasPassword);
  const wrong = wanted.flatMap(({ name, value, why }): Found[] => {
    const is = settings?.get(name);
    if (settings === null || is === value) return [];
    const mend = `${cli} CONFIG SET ${name} ${value}   (and in its configuration file)`;
    return [fail(`${name} is ${is ?? 'unknown'} and must be ${value}: ${why}`, mend)];
  });
  if (settings === null) {
    const list = wanted.map(({ name, value }) => `${name} ${value}`).join(', ');
    wrong.push(warn('it does not tell its settings (CONFIG GET is not allowed)', `see at its provider: ${list}`));
  }
  return [...wrong, ...checkInfo(kind, info, cli)];
}

/** One that is asked by itself must be the primary. */
export const checkRole = (info: ReadonlyMap<string, string>): Found[] =>
  info.get('role') === 'slave' ? [fail('it is a replica: nothing can be written', 'name the master')] : [];

/** From `INFO`: did its last write reach the disk, is there room. */
export function checkInfo(kind: 'stock' | 'queue', info: ReadonlyMap<string, string>, cli: string): Found[] {
  const found: Found[] = [];
  if (kind === 'stock' && info.get('aof_last_write_status') === 'err') {
    found.push(fail('its last write to disk failed', `${cli} INFO persistence; is the disk full?`));
  }
  const [used, most] = [Number(info.get('used_memory')), Number(info.get('maxmemory'))];
  if (most > 0 && used > 0.8 * most) {
    found.push(
      warn(`${Math.round((100 * used) / most)} % of its memory is in use`, `${cli} CONFIG SET maxmemory <more>`),
    );
  }
  return found;
}
