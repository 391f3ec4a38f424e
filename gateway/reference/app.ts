import { Hono } from 'hono';
import type { InnerAssets } from '../inner/inner-assets.ts';
import { innerPageHeaders } from '../inner/inner-page-headers.ts';
import { createOpenApi } from './openapi.ts';
import { renderReference } from './page.ts';

/** `GET /reference`: the API for people; `/reference/openapi.json`: for programs. Each is made once, when first asked for. */
export function createReferenceApp(assets: () => Promise<InnerAssets>): Hono {
  const page = once(async () => renderReference());
  const document = once(async () => JSON.stringify(createOpenApi()));
  const app = new Hono();
  app.use('/reference/*', innerPageHeaders()); // and /reference itself
  app.get('/reference', async (context) => context.html(await page()));
  app.get('/reference/openapi.json', async () => text(await document(), 'application/json'));
  app.get('/reference/page.css', async () => text((await assets())['reference.css'], 'text/css; charset=utf-8'));
  return app;
}

const text = (body: string, type: string) => new Response(body, { headers: { 'Content-Type': type } });

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}
