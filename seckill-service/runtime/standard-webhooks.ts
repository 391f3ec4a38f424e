import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** The three headers of a signed webhook. Source: Standard Webhooks 1.0.0, github.com/standard-webhooks. */
export const webhookHeaders = {
  id: 'webhook-id',
  timestamp: 'webhook-timestamp',
  signature: 'webhook-signature',
} as const;

/** One secret as the specification writes it: `whsec_` and 24 to 64 bytes in base64. */
const secretPattern = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/;
const toleranceSeconds = 300;

/**
 * The keys in `text`, secrets separated by commas or white space: each of them signs, any of them verifies, so that a new
 * secret can be told to the other side before the old one goes. Throws on anything else.
 */
export function parseWebhookSecrets(text: string): [Buffer, ...Buffer[]] {
  const keys = text.split(/[\s,]+/).filter((secret) => secret !== '');
  const [first, ...others] = keys.map((secret) => {
    const key = Buffer.from(secretPattern.exec(secret)?.[1] ?? '', 'base64');
    if (key.length < 24 || key.length > 64)
      throw new Error('must be whsec_ and 24 to 64 bytes in base64, each of them');
    return key;
  });
  if (first === undefined) throw new Error('must hold at least one secret');
  return [first, ...others];
}

function signature(key: Buffer, id: string, timestamp: string, body: string): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest();
}

/**
 * The headers that go with `body`, exactly as it will be sent, signed with each of `keys`. `id` stays the same when an
 * event is sent again.
 */
export function signWebhook(
  message: { id: string; body: string; nowMs: number },
  keys: readonly [Buffer, ...Buffer[]],
): Record<string, string> {
  const timestamp = String(Math.floor(message.nowMs / 1000));
  const signatures = keys.map((key) => `v1,${signature(key, message.id, timestamp, message.body).toString('base64')}`);
  return {
    [webhookHeaders.id]: message.id,
    [webhookHeaders.timestamp]: timestamp,
    [webhookHeaders.signature]: signatures.join(' '),
  };
}

/** A new secret, as the specification writes it. */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

export type WebhookVerdict =
  | { kind: 'genuine'; id: string }
  /** `headers`: missing or not of their form; `signature`: of none of our secrets; `timestamp`: 5 min early or late. */
  | { kind: 'refused'; why: 'headers' | 'signature' | 'timestamp' };

/**
 * Says whether `body` (the bytes that came, not parsed and written again) was signed by the holder of one of `keys`, at
 * most 5 minutes ago. Compares in constant time, and looks at every key. The same event may come again within the
 * tolerance: whoever handles it goes by its id.
 */
export function verifyWebhook(
  message: { headers: Headers; body: string; nowMs: number },
  keys: readonly Buffer[],
): WebhookVerdict {
  const [id, timestamp, signatures] = Object.values(webhookHeaders).map((name) => message.headers.get(name) ?? '');
  const isComplete = id !== undefined && timestamp !== undefined && signatures !== undefined;
  if (!isComplete || !/^[\x21-\x7e]{1,256}$/.test(id) || !/^\d{1,12}$/.test(timestamp) || signatures === '') {
    return { kind: 'refused', why: 'headers' };
  }
  const given = signatures
    .split(' ')
    .slice(0, 16)
    .flatMap((each) => (each.startsWith('v1,') ? [Buffer.from(each.slice(3), 'base64')] : []));
  let isGenuine = false;
  for (const key of keys) {
    const expected = signature(key, id, timestamp, message.body);
    for (const each of given) {
      if (each.length === expected.length && timingSafeEqual(each, expected)) isGenuine = true;
    }
  }
  if (!isGenuine) return { kind: 'refused', why: 'signature' };
  const ageSeconds = message.nowMs / 1000 - Number(timestamp);
  return Math.abs(ageSeconds) > toleranceSeconds ? { kind: 'refused', why: 'timestamp' } : { kind: 'genuine', id };
}
