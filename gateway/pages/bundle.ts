import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Browsers of the last four years; what is older gets the page as it stands without a script. */
const target = ['chrome100', 'firefox100', 'safari15.4'];

/**
 * `entry` and all that it imports as one small file. `script`: runs at once, before anything is shown; `module`: when
 * the page is there. `define`: what stands in the place of a name that is declared only, as JSON.
 */
export async function bundle(
  entry: URL,
  kind: 'script' | 'module' | 'style',
  define: Record<string, string> = {},
): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(entry)],
    bundle: true,
    minify: true,
    write: false,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent', // a mistake rejects, with the same words
    target,
    define,
    ...(kind === 'style' ? {} : { format: kind === 'script' ? ('iife' as const) : ('esm' as const) }),
  });
  return outputFiles[0]?.text ?? '';
}
