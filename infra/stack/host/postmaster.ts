import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The PostgreSQL that runs on this cluster, by its own file; null when none does. Patroni starts it in a session of its own, so
 * that it outlives Patroni. Linux only; elsewhere null.
 */
export function postmasterOf(cluster: string): number | null {
  try {
    const [line] = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(line);
    // A killed one leaves its file, and another process may have its number.
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes(cluster) && /(^|\/)postgres$/.test(words[0] ?? '') ? pid : null;
  } catch {
    return null;
  }
}
