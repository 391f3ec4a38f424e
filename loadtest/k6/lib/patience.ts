import { sleep } from 'k6';
import type { RefinedResponse } from 'k6/http';
import type { Answer } from '../../crowd/answer.ts';
import { isWorthWaiting, waitMs } from '../../crowd/patience.ts';
import { note } from './answers.ts';

const patienceMs = 60_000;

/** Asks as the page does: until there is an answer that means something, or for a minute. Each answer is noted. */
export function askPatiently(
  route: string,
  ask: () => RefinedResponse<'text'>,
): { outcome: string; response: RefinedResponse<'text'> } {
  const untilMs = Date.now() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const response = ask();
    const outcome = note(route, response);
    if (response.status > 0 && response.status < 300) return { outcome, response };
    const reply = replyOf(response);
    const ms = waitMs(attempt, reply, Math.random);
    if (!isWorthWaiting(reply) || Date.now() + ms >= untilMs) return { outcome, response };
    sleep(ms / 1000);
  }
}

/** Null when there was no answer, or none in JSON. */
function replyOf({ status, body, headers }: RefinedResponse<'text'>): Answer | null {
  if (status === 0) return null;
  try {
    const said = JSON.parse(body) as Answer['body'];
    return { status, body: said, retryAfterSeconds: Number(headers['Retry-After'] ?? 0) };
  } catch {
    return null;
  }
}
