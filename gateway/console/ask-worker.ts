import { problemResponse } from '#contract/problems.ts';

/** An audit reads every order of a sale. */
const withinMs = 60_000;

/**
 * Hands a request on to an order-worker and its answer back, as they are: audit, drain and dead letters are its own. One
 * that cannot be reached is passed over, one that answers speaks for all.
 */
export function createAskWorker(deps: { urls: readonly string[]; token: string }) {
  return async (path: string, body?: string): Promise<Response> => {
    for (const url of deps.urls) {
      try {
        const response = await fetch(new URL(path, url), {
          headers: { authorization: `Bearer ${deps.token}`, 'content-type': 'application/json' },
          signal: AbortSignal.timeout(withinMs),
          ...(body === undefined ? {} : { method: 'POST', body }),
        });
        // The worker's token is ours to have right: no reason to ask a person for theirs again.
        if (response.status === 401)
          return unavailable('order-worker does not take our token: give both the same one.');
        const type = response.headers.get('content-type') ?? 'application/json';
        return new Response(await response.text(), { status: response.status, headers: { 'Content-Type': type } });
      } catch (error) {
        if (error instanceof Error && error.name === 'TimeoutError') {
          return unavailable(
            `order-worker gave no answer within ${withinMs / 1000} s: what was asked may still be done.`,
          );
        }
      }
    }
    return unavailable('No order-worker can be reached: is it running?');
  };
}
export type AskWorker = ReturnType<typeof createAskWorker>;

const unavailable = (detail: string) => problemResponse('UNAVAILABLE', { detail, retryAfterSeconds: 2 });
