import type { Redis } from '#runtime/redis/connect.ts';
import { type Found, fail, pass, warn } from './finding.ts';

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

/** Settings, the last write to disk, the role and the memory of one Redis. */
export async function checkRedis(kind: 'stock' | 'queue', redis: Redis, url: string): Promise<Found[]> {
  const wanted = redisSettings[kind];
  const { hostname, port, password } = new URL(url);
  // The password itself is never shown.
  const cli = `${password === '' ? '' : 'REDISCLI_AUTH=<password> '}redis-cli -h ${hostname} -p ${port === '' ? '6379' : port}`;
  const [settings, info] = await Promise.all([
    readSettings(
      redis,
      wanted.map(({ name }) => name),
    ),
    redis.info().then(parseInfo),
  ]);
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
  const all = [...wrong, ...checkInfo(kind, info, cli)];
  return all.length > 0 ? all : [pass(wanted.map(({ name, value }) => `${name} ${value}`).join(', '))];
}

/** From `INFO`: is it the master, did its last write reach the disk, is there room. */
export function checkInfo(kind: 'stock' | 'queue', info: ReadonlyMap<string, string>, cli: string): Found[] {
  const found: Found[] = [];
  if (info.get('role') === 'slave') found.push(fail('it is a replica: nothing can be written', 'name the master'));
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

/** Null when the server does not allow it, as managed ones do not. */
async function readSettings(redis: Redis, names: readonly string[]): Promise<Map<string, string> | null> {
  try {
    const pairs = (await redis.config('GET', ...(names as [string, ...string[]]))) as string[];
    const settings = new Map<string, string>();
    for (let at = 0; at + 1 < pairs.length; at += 2) settings.set(String(pairs[at]), String(pairs[at + 1]));
    return settings;
  } catch (error) {
    if (error instanceof Error && /unknown command|NOPERM|not allowed/i.test(error.message)) return null;
    throw error;
  }
}

export function parseInfo(text: string): Map<string, string> {
  const fields = text.split(/\r?\n/).flatMap((line) => {
    const at = line.indexOf(':');
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  return new Map(fields);
}
