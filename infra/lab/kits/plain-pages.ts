import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Writes files that an edge serves, by their paths; the text of `index.html` is `plain index.html`. */
export async function writePlainPages({ pagesDir }: { pagesDir: string }, ...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const file = join(pagesDir, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `plain ${path}`);
  }
}
