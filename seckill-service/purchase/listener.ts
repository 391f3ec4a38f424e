import type { RequestListener } from 'node:http';
import { isJsonType } from '#contract/json-body.ts';
import { requestIdHeader } from '#contract/origin.ts';
import { refusal, writeAnswer } from '#http/answer.ts';
import { type Decide, tooLarge } from './decide.ts';

/** The one route of this process. */
export const purchaseRoute = { method: 'POST', path: '/api/sales/{saleId}/orders' } as const;

const path = /^\/api\/sales\/([^/]+)\/orders$/;
/** So many bytes cannot be 1,024 characters or fewer, whatever they are: UTF-8 takes at most 4 for one. */
const maxBytes = 4 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true });

const notFound = refusal('NOT_FOUND');
const notJson = refusal('UNSUPPORTED_MEDIA_TYPE');

/**
 * `POST /api/sales/<saleId>/orders`, on bare node:http: the way of what the link does not carry. Everything else that this
 * process is asked for on its outer address is NOT_FOUND.
 */
export function createPurchaseListener(decide: Decide): RequestListener {
  return (request, response) => {
    const from = performance.now();
    const saleId = request.method === 'POST' ? saleIdOf(request.url ?? '') : null;
    if (saleId === null) return writeAnswer(response, notFound);
    const { headers } = request;
    if (!isJsonType(headers['content-type'])) return writeAnswer(response, notJson);
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else if (!response.headersSent) writeAnswer(response, tooLarge);
    });
    // A request that breaks off has no end, and no client who could be answered.
    request.on('end', () => {
      if (bytes > maxBytes) return;
      const [first] = chunks;
      const body = textOf(first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks));
      const ticket = only(headers['seckill-ticket']);
      // It never rejects.
      void decide({ saleId, ticket, requestId: only(headers[requestIdHeader]), body, from }).then((answer) =>
        writeAnswer(response, answer),
      );
    });
  };
}

/** The text that UTF-8 bytes are, null when they are none. */
function textOf(bytes: Buffer): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** The sale that a request target names, null when it is none of ours. */
function saleIdOf(target: string): string | null {
  const query = target.indexOf('?');
  const raw = query === -1 ? target : target.slice(0, query);
  const match = path.exec(raw.includes('%') ? decoded(raw) : raw);
  return match?.[1] ?? null;
}

/** nginx judges the decoded path and passes the raw one on. */
function decoded(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    return '';
  }
}

/** Node joins a header that came twice, but for a few of its own; the types cannot know which. */
function only(value: string | string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}
