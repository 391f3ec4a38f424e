import type { Readable } from 'node:stream';
import { errors, Pool } from 'undici';
import { type Answer, answerOf } from './answer.ts';
import { connectOutside, InnerAddressError, type Resolve, resolveLocally, resolvePublicly } from './connect-outside.ts';

/** Where a subscriber listens. */
export type Endpoint = {
  /** Never rejects: what can go wrong with somebody else's server is an answer too. */
  post: (body: string, headers: Record<string, string>) => Promise<Answer>;
  /** Cuts off what is under way. */
  close: () => Promise<void>;
};

const connectWithinMs = 3000;
const readAtMostBytes = 4096;
/** The status has said it all: a body that does not end is not waited for. */
const readForMs = 1000;

/**
 * Posts to one URL, on connections of its own: at most `connections` at a time, each request over within `deadlineMs`
 * with everything that belongs to it. Of an answer's body the beginning is read, then the connection is closed.
 */
export function createEndpoint(options: {
  url: string;
  allowInner: boolean;
  connections: number;
  /** What is posted is personal: nothing that the answer may repeat of it goes into the words about it, which are kept. */
  isPersonal?: boolean;
  deadlineMs?: number;
  /** How names are looked up; the machine's own way for subscribers inside, the name servers' for those outside. */
  resolve?: Resolve;
  now?: () => number;
}): Endpoint {
  const { allowInner, connections, isPersonal = false, deadlineMs = 10_000, now = Date.now } = options;
  const url = new URL(options.url);
  const resolve = options.resolve ?? (allowInner ? resolveLocally : resolvePublicly);
  const pool = new Pool(url.origin, {
    connections,
    pipelining: 1,
    connect: connectOutside({ allowInner, resolve, timeoutMs: Math.min(connectWithinMs, deadlineMs) }),
  });

  return {
    post: async (body, headers) => {
      const signal = AbortSignal.timeout(deadlineMs);
      try {
        const response = await pool.request({
          method: 'POST',
          path: `${url.pathname}${url.search}`,
          headers: { 'user-agent': 'seckill-subscribers/1', ...headers },
          body,
          signal,
        });
        const excerpt = await beginningOf(response.body);
        const one = (name: string) => [response.headers[name]].flat()[0];
        return answerOf(
          response.statusCode,
          { location: isPersonal ? undefined : one('location'), retryAfter: one('retry-after') },
          isPersonal ? '' : excerpt,
          now(),
        );
      } catch (error) {
        return unreachable(error, signal.aborted, deadlineMs);
      }
    },
    close: () => pool.destroy(),
  };
}

/** The first few KB of a body, or what came of it in time; the rest is not read. */
async function beginningOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  const late = setTimeout(() => body.destroy(), readForMs);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= readAtMostBytes) break; // closes the connection: the rest costs nothing
    }
  } catch {
    // A body that breaks off changes nothing about the status.
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(chunks).subarray(0, readAtMostBytes).toString();
}

function unreachable(error: unknown, isLate: boolean, deadlineMs: number): Answer {
  const excerpt = '';
  if (error instanceof InnerAddressError) return { kind: 'unreachable', why: 'inner', says: error.message, excerpt };
  if (isLate)
    return { kind: 'unreachable', why: 'timeout', says: `gave no answer within ${deadlineMs / 1000} s`, excerpt };
  if (error instanceof errors.ConnectTimeoutError)
    return { kind: 'unreachable', why: 'timeout', says: 'could not be connected to in time', excerpt };
  return { kind: 'unreachable', why: 'network', says: `could not be reached: ${messageOf(error)}`, excerpt };
}

/** Several addresses that all failed come as one error without words of its own. */
function messageOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const text = first instanceof Error ? first.message : String(first);
  return text.slice(0, 200);
}
