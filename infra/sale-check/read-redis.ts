import type { Redis } from '#runtime/redis/connect.ts';

/** Null when the server does not allow it, as managed ones do not. */
export async function readSettings(redis: Redis, names: readonly string[]): Promise<Map<string, string> | null> {
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

/** The fields of `INFO`. */
export function parseInfo(text: string): Map<string, string> {
  const fields = text.split(/\r?\n/).flatMap((line) => {
    const at = line.indexOf(':');
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  return new Map(fields);
}
