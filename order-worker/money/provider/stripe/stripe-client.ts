import { AsyncLocalStorage } from 'node:async_hooks';
import Stripe from 'stripe';
import { Pool } from 'undici';
import { ProviderFault } from '../provider.ts';

/** What Stripe will not do, in its words: a request that is wrong, or that it has reasons against. */
export type StripeRefusal = { kind: 'refused'; status: number; code: string; words: string };
export type StripeAnswer<T> = { kind: 'answer'; value: T; isReplayed: boolean } | StripeRefusal;

/** A session with its payment intent is below 10 KB; a list of refunds below 100. */
const longestAnswer = 256 * 1024;
const longestWaitSeconds = 3600;
/** Above the deadline that the guard puts on each call (at most 4 s): the signal comes first. */
const longestCallMs = 10_000;

/** Errors of the driver that come before a byte was sent. */
const notSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH']);
/** Answers that Stripe's package reads: the deed, or what Stripe has against it. */
const isRead = (status: number) => (status >= 200 && status < 300) || [400, 402, 404].includes(status);

/**
 * Stripe's package over our own driver: an answer is read up to 256 KiB, no redirect is followed, a call ends with its
 * signal, and nothing is tried a second time in here: the guard and the sweeps do that. Telemetry is off.
 */
export function createStripeClient(options: { secretKey: string; apiUrl: URL; connections?: number }) {
  const { secretKey, apiUrl, connections = 64 } = options;
  const pool = new Pool(apiUrl.origin, { connections, connect: { timeout: 2000 }, maxResponseSize: longestAnswer });
  /** The package's calls take no signal: it reaches the driver beside them. */
  const signals = new AsyncLocalStorage<AbortSignal | undefined>();

  /** Throws {@link ProviderFault}. Never an error with a `code`: the package would send such a request once more. */
  async function send(path: string, method: string, headers: Headers, body: string) {
    const signal = signals.getStore() ?? AbortSignal.timeout(longestCallMs);
    try {
      const response = await pool.request({
        ...{ path, signal, method: method === 'POST' ? 'POST' : 'GET', headers: Object.fromEntries(headers) },
        ...(method === 'POST' ? { body } : {}),
      });
      const text = await response.body.text();
      const status = response.statusCode;
      const of = (name: string) => String(response.headers[name] ?? '');
      if (isRead(status)) return { status, text, replayed: of('idempotent-replayed'), requestId: of('request-id') };
      // After a 5xx it may have been done, says Stripe. The others say that it was not.
      const kind = status >= 500 ? 'unknown' : 'unavailable';
      throw new ProviderFault(kind, `Stripe answered ${status}: ${text.slice(0, 200)}`, secondsOf(of('retry-after')));
    } catch (error) {
      if (error instanceof ProviderFault) throw error;
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      throw new ProviderFault(notSent.has(String(code)) ? 'unavailable' : 'unknown', error);
    }
  }

  const stripe = new Stripe(secretKey, {
    apiVersion: '2026-10-28.endive',
    maxNetworkRetries: 0,
    telemetry: false,
    timeout: longestCallMs,
    protocol: apiUrl.protocol === 'http:' ? 'http' : 'https',
    host: apiUrl.hostname,
    port: apiUrl.port === '' ? (apiUrl.protocol === 'http:' ? 80 : 443) : Number(apiUrl.port),
    httpClient: {
      getClientName: () => 'undici',
      makeRequest: async (_host, _port, path, method, given, body) => {
        const headers = new Headers();
        for (const [name, value] of Object.entries(given)) headers.set(name, String(value));
        headers.delete('content-length'); // the driver's own
        const { status, text, replayed, requestId } = await send(path, method, headers, body);
        const shown = { 'idempotent-replayed': replayed, 'request-id': requestId };
        return {
          getStatusCode: () => status,
          getHeaders: () => shown,
          getRawResponse: () => ({ headers: shown }),
          toStream: () => text,
          toJSON: async () => JSON.parse(text),
        };
      },
    },
  });

  return {
    stripe,

    /** One call of the package's. Throws a {@link ProviderFault} when there was no answer that counts. */
    async ask<T>(call: (stripe: Stripe) => Promise<T>, signal: AbortSignal | undefined): Promise<StripeAnswer<T>> {
      try {
        const value = await signals.run(signal, () => call(stripe));
        return { kind: 'answer', value, isReplayed: isReplayed(value) };
      } catch (error) {
        return refusalOf(error);
      }
    },

    close: () => pool.destroy(),
  };
}
export type StripeClient = ReturnType<typeof createStripeClient>;

/** The key was used before, and this is the answer of that time: "Idempotent-Replayed: true". */
function isReplayed(value: unknown): boolean {
  const response: unknown = Reflect.get(Object(value), 'lastResponse');
  const headers: unknown = Reflect.get(Object(response), 'headers');
  return Reflect.get(Object(headers), 'idempotent-replayed') === 'true';
}

function refusalOf(error: unknown): StripeRefusal {
  const { StripeError, StripeRateLimitError } = Stripe.errors;
  if (!(error instanceof StripeError)) throw new ProviderFault('unknown', error);
  if (error.detail instanceof ProviderFault) throw error.detail;
  const { statusCode: status, code = '', message } = error;
  if (error instanceof StripeRateLimitError) throw new ProviderFault('unavailable', message);
  if (status === undefined || status < 400 || status >= 500) throw new ProviderFault('unknown', message);
  return { kind: 'refused', status, code, words: message };
}

/** A wait that a shopper can be told; null when it says none that makes sense. */
function secondsOf(retryAfter: string): number | null {
  if (retryAfter === '') return null;
  const seconds = Math.ceil(Number(retryAfter));
  return seconds >= 0 ? Math.min(seconds, longestWaitSeconds) : null;
}
