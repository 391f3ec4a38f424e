import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

const importPattern = /^import .*? from '(\.\/[a-z-]+\.ts)';$/gm;
const commentPattern = /^\s*(?:\/\*\*[\s\S]*?\*\/|\/\/.*)$/gm;

/** Node says once per process that this function is experimental; it is also what runs this very file. */
function withoutTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/**
 * `entry` and all that it imports as one ES module: dependencies first, types and comment blocks gone. Not a bundler:
 * it knows named imports from siblings without renaming, and one name means one thing in all of browser/ (a name that
 * is declared twice is a syntax error in the result, which a test looks for).
 */
export async function bundle(entry: URL): Promise<string> {
  const seen = new Set<string>();
  const parts: string[] = [];
  async function add(url: URL): Promise<void> {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const source = withoutTypes(await readFile(url, 'utf8'));
    for (const [, specifier = ''] of source.matchAll(importPattern)) await add(new URL(specifier, url));
    parts.push(
      source
        .replace(importPattern, '')
        .replace(commentPattern, '')
        .replace(/^export /gm, ''),
    );
  }
  await add(entry);
  const tidy = parts
    .join('\n')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{2,}/g, '\n');
  return tidy.trimStart();
}
