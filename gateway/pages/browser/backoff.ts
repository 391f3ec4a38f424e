/** How long the next wait is: doubles from half a second to eight, at least what the server asked for, never in step. */
export function backoffMs(attempt: number, retryAfterMs: number | null, random: () => number): number {
  const grown = Math.min(8000, 500 * 2 ** attempt) * (0.5 + random() / 2);
  return retryAfterMs === null ? grown : Math.max(grown, retryAfterMs + random() * 500);
}
