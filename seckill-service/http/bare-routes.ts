import type { IncomingMessage, RequestListener } from 'node:http';
import { type RequestWords, requestIdHeader, requestWords } from '#contract/origin.ts';
import { type Answer, refusal, writeAnswer } from './answer.ts';

/**
 * A route that is answered on bare node:http, for those that a crowd asks for: an app of Hono's makes a dozen objects of
 * each request. The app has the same route by the same function, and answers every spelling and method that is not here.
 */
export type BareRoute = {
  method: 'GET' | 'POST';
  /** As the app spells it; the metrics call it so. */
  path: string;
  /** What the request's target asks for, null when it is not spelled as usual. */
  find: (target: string) => string | null;
  /** Rejects for a fault, as the app's would. */
  answer: (request: IncomingMessage, found: string) => Answer | Promise<Answer>;
};

const unavailable = refusal('UNAVAILABLE', { retryAfterSeconds: 1 });

/** `onAnswer` hears of each answer of a bare route when it begins: `seconds` since the request's arrival here. */
export function createBareRoutes(deps: {
  routes: readonly BareRoute[];
  otherwise: RequestListener;
  onAnswer: (path: string, status: number, seconds: number) => void;
  onFault: (error: unknown, request: RequestWords) => void;
}): RequestListener {
  const { routes, otherwise, onAnswer, onFault } = deps;

  async function answerOf(route: BareRoute, request: IncomingMessage, found: string): Promise<Answer> {
    try {
      return await route.answer(request, found);
    } catch (error) {
      onFault(error, requestWords(String(request.headers[requestIdHeader] ?? ''), route.method, request.url ?? ''));
      return unavailable;
    }
  }

  return (request, response) => {
    const from = performance.now();
    const { method, url = '' } = request;
    for (const route of routes) {
      const found = route.method === method ? route.find(url) : null;
      if (found === null) continue;
      void answerOf(route, request, found).then((answer) => {
        onAnswer(route.path, answer.status, (performance.now() - from) / 1000);
        writeAnswer(response, answer);
      });
      return;
    }
    otherwise(request, response);
  };
}
