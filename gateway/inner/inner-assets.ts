import { stop } from 'esbuild';
import { bundle } from '../pages/bundle.ts';

export type InnerAssets = Readonly<Record<'reference.css' | 'console.css' | 'console.js', string>>;

/**
 * What the pages on the inner address are drawn with, made from source when the first of them is asked for: no build
 * step, and nothing of it costs a gateway whose pages nobody opens. The bundler's own process ends afterwards.
 */
export function createInnerAssets(): () => Promise<InnerAssets> {
  let made: Promise<InnerAssets> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}

async function make(): Promise<InnerAssets> {
  const source = (path: string) => new URL(path, import.meta.url);
  try {
    const [reference, style, script] = await Promise.all([
      bundle(source('../reference/page.css'), 'style'),
      bundle(source('../console/browser/style/console.css'), 'style'),
      bundle(source('../console/browser/app.ts'), 'module'),
    ]);
    return { 'reference.css': reference, 'console.css': style, 'console.js': script };
  } finally {
    await stop();
  }
}
