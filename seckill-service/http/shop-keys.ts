import { type CompactVerifyGetKey, type CryptoKey, createRemoteJWKSet, customFetch, errors } from 'jose';
import { Agent, request } from 'undici';
import { z } from 'zod';
import type { Followed } from '#runtime/follow-setting.ts';

/** The keys cannot be had or used: no answer, one that is no key set, or a key in it that is broken. */
export class ShopKeysFault extends Error {}

const maxBytes = 64 * 1024;
const maxKeys = 64;
/** As WebCrypto's callers must: RFC 7518, 3.3. */
const minRsaBits = 2048;
/** A key server may be down for this long: the keys that it gave before are used. */
const keptMs = 24 * 3_600_000;

const keySetSchema = z.object({ keys: z.array(z.looseObject({})).max(maxKeys) });
export type KeySet = z.infer<typeof keySetSchema>;

export type ShopKeys = Omit<Followed<KeySet | null>, 'close'> & {
  /** Finds the key of a token, for jose. */
  find: CompactVerifyGetKey;
  /** Asks for the set now. Rejects with {@link ShopKeysFault} when there is none to use. */
  fetch: () => Promise<void>;
};

/**
 * The public keys at `url`, a JWK set (RFC 7517) of at most 64 keys and 64 KiB, had within `withinMs` and from that
 * address alone: a redirect is not followed, a packed body not unpacked. Kept for ten minutes; a key of an unknown name
 * is looked for at most every 30 s. When the set cannot be had any more, the last one is used for 24 hours, and `warn`
 * is told at each look. Rejects with {@link ShopKeysFault} when there is no such set, when it holds a key of that name
 * that is broken, and when a key of an unknown name may be in the set that cannot be had. It asks when a token comes;
 * `get` and `onChange` tell which set counts by the last answer: null while there is none to use.
 */
export function createShopKeys(
  url: string,
  options: { withinMs?: number; warn?: ((error: unknown, message: string) => void) | undefined } = {},
): ShopKeys {
  const { withinMs = 2000, warn } = options;
  const dispatcher = new Agent({ connections: 1, maxResponseSize: maxBytes, connect: { timeout: withinMs } });
  let last: { keySet: KeySet; atMs: number } | undefined;
  /** Why the set that is used is not the newest one. */
  let fault: ShopKeysFault | null = null;
  let told: KeySet | null = null;
  const listeners: ((keySet: KeySet | null) => void)[] = [];
  const tell = (keySet: KeySet | null) => {
    if (JSON.stringify(keySet) === JSON.stringify(told)) return;
    told = keySet;
    for (const listener of listeners) listener(told);
  };

  const keys = createRemoteJWKSet(new URL(url), {
    [customFetch]: async (address) => {
      try {
        last = { keySet: await fetchKeySet(address, dispatcher, withinMs), atMs: Date.now() };
        fault = null;
      } catch (error) {
        fault = faultOf(error);
        if (last === undefined || Date.now() - last.atMs > keptMs) {
          tell(null);
          throw fault;
        }
        warn?.(fault, "the shop's keys cannot be had: the last ones are used, for 24 hours at most");
      }
      tell(last.keySet);
      return Response.json(last.keySet);
    },
  });

  const find: CompactVerifyGetKey = async (header, token) => {
    try {
      const key = await keys(header, token);
      refuseWeak(key);
      return key;
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) throw fault ?? error;
      if (error instanceof ShopKeysFault || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw faultOf(error, `the key ${header.kid === undefined ? 'without a name' : JSON.stringify(header.kid)}: `);
    }
  };

  return { find, fetch: keys.reload, get: () => told, onChange: (listener) => listeners.push(listener) };
}

function faultOf(error: unknown, about = ''): ShopKeysFault {
  return new ShopKeysFault(`the shop's keys: ${about}${error instanceof Error ? error.message : String(error)}`);
}

function refuseWeak({ algorithm }: CryptoKey): void {
  if ('modulusLength' in algorithm && Number(algorithm.modulusLength) < minRsaBits)
    throw new Error(`an RSA key of ${algorithm.modulusLength} bits: make one of at least ${minRsaBits}`);
}

async function fetchKeySet(url: string, dispatcher: Agent, withinMs: number): Promise<KeySet> {
  const headers = { accept: 'application/json, application/jwk-set+json' };
  const { statusCode, body } = await request(url, { dispatcher, headers, signal: AbortSignal.timeout(withinMs) });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`the key server answered ${statusCode}, not 200`);
  const keySet = keySetSchema.safeParse(parseJson(text));
  if (!keySet.success) throw new Error(`the key server answered with no JWK set of at most ${maxKeys} keys`);
  return keySet.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the schema refuses it
  }
}
