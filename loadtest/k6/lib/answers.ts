import type { RefinedResponse, ResponseType } from 'k6/http';
import { say } from './say.ts';

/**
 * What came back, for the command that started k6: one line an iteration, `~` and then for each answer
 * `<route>,<outcome>,<Unix s>,<ms>`, for a ticket `got,<shopper>,<ticket>,<ms>`. k6's own outputs write a line for each of
 * ten metrics of each request, which costs more processor than the request.
 */
const noted: string[] = [];

/** ACCEPTED, the status of any other success, the problem's code, or NO_ANSWER. */
export function outcomeOf(response: RefinedResponse<ResponseType | undefined>): string {
  const { status, body } = response;
  if (status === 0) return 'NO_ANSWER';
  if (status < 400) return status === 202 ? 'ACCEPTED' : String(status);
  const code = typeof body === 'string' ? /"code":"([A-Z_]+)"/.exec(body)?.[1] : undefined;
  return code ?? `HTTP_${status}`;
}

/** Notes one answer, under `route` or any other name that the report is to show it by; returns its outcome. */
export function note(route: string, response: RefinedResponse<ResponseType | undefined>): string {
  const outcome = outcomeOf(response);
  noted.push(`${route},${outcome},${Math.floor(Date.now() / 1000)},${response.timings.duration.toFixed(1)}`);
  return outcome;
}

/** A shopper has a ticket, and how many ms after the first question, waits included: the command hands it to a buyer. */
export function got(number: number, ticket: string, ms: number): void {
  noted.push(`got,${number},${ticket},${ms}`);
}

/** A shopper asked for a ticket and has none; always null. */
export function missed(step: 'challenge' | 'ticket', outcome: string): null {
  noted.push(`missed,${step},${outcome},0`);
  return null;
}

/** A buyer came, and there was no ticket to press with. */
export function emptyHanded(): void {
  noted.push('missed,press,NO_TICKET,0');
}

/** Tells what was noted since the last time: at the end of each iteration, else it is lost with the virtual user. */
export function tell(): void {
  if (noted.length === 0) return;
  say(noted.join(';'));
  noted.length = 0;
}

/** A promise that was not kept. Any of them fails the run. */
export function broken(what: string): void {
  say(`broken ${what.replace(/\s+/g, ' ').slice(0, 300)}`);
}
