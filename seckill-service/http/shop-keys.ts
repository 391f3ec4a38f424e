import { type CompactVerifyGetKey, createRemoteJWKSet, customFetch } from 'jose';
import { Agent, request } from 'undici';
import { z } from 'zod';

/** The keys cannot be had: no answer, or one that is no key set. */
export class ShopKeysFault extends Error {}

const maxBytes = 64 * 1024;
const maxKeys = 64;

const keySetSchema = z.object({ keys: z.array(z.looseObject({})).max(maxKeys) });

/**
 * The public keys at `url`, a JWK set (RFC 7517) of at most 64 keys and 64 KiB, had within `withinMs` and from that
 * address alone: a redirect is not followed, a packed body not unpacked. Kept for ten minutes; a key of an unknown name
 * is looked for at most every 30 s. Rejects with {@link ShopKeysFault} when the set cannot be had.
 */
export function createShopKeys(url: string, withinMs = 2000): CompactVerifyGetKey {
  const dispatcher = new Agent({ connections: 1, maxResponseSize: maxBytes, connect: { timeout: withinMs } });
  return createRemoteJWKSet(new URL(url), {
    [customFetch]: async (address) => {
      try {
        return Response.json(await fetchKeySet(address, dispatcher, withinMs));
      } catch (error) {
        throw new ShopKeysFault(`the shop's keys: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  });
}

async function fetchKeySet(url: string, dispatcher: Agent, withinMs: number): Promise<z.infer<typeof keySetSchema>> {
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
