import type { LiveWords } from '../words/words.ts';

/** Rejects where anything else comes back than the file. */
export async function fetchWords(url: string): Promise<LiveWords> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} for ${url}`);
  return JSON.parse(await response.text());
}
