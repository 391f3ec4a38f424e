import type { RefinedResponse } from 'k6/http';
import { broken, note } from './answers.ts';

/** Notes an answer, and that a promise was broken unless it is one of `wanted`. */
export function expected<Response extends RefinedResponse<'text'>>(
  route: string,
  response: Response,
  ...wanted: string[]
): Response {
  const outcome = note(route, response);
  if (!wanted.includes(outcome)) {
    broken(`${route} answered ${outcome}, not ${wanted.join(' or ')}: ${String(response.body).slice(0, 120)}`);
  }
  return response;
}

/** A text field of a JSON body; undefined when there is none. */
export function textOf(response: RefinedResponse<'text'>, field: string): string | undefined {
  try {
    const value = (JSON.parse(response.body) as Record<string, unknown>)[field];
    return value === undefined || value === null ? undefined : String(value);
  } catch {
    return undefined;
  }
}
