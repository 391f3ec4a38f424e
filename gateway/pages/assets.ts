import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { iconArt, productArt } from './art.ts';
import { bundle } from './bundle.ts';
import type { AssetUrls } from './render.ts';

export type Asset = { file: string; content: string };

function hashed(name: string, extension: string, content: string): Asset {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 10);
  return { file: `assets/${name}.${hash}.${extension}`, content };
}

/** The files that pages refer to, named by their content, so that a cache may keep them for ever. */
export async function buildAssets(saleIds: readonly string[]): Promise<{ files: Asset[]; urls: AssetUrls }> {
  const js = hashed('app', 'js', await bundle(new URL('./browser/app.ts', import.meta.url)));
  const css = hashed('app', 'css', await readFile(new URL('./browser/app.css', import.meta.url), 'utf8'));
  const icon = hashed('icon', 'svg', iconArt);
  const artOf = (saleId: string) => hashed('art', 'svg', productArt(saleId));
  return {
    files: [js, css, icon, ...saleIds.map(artOf)],
    urls: {
      js: `/${js.file}`,
      css: `/${css.file}`,
      icon: `/${icon.file}`,
      art: (saleId) => `/${artOf(saleId).file}`,
    },
  };
}
