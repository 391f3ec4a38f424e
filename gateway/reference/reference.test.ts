import { expect, test } from 'vitest';
import { apiRoutes } from '#contract/api/routes.ts';
import { problemCodes } from '#contract/problems.ts';
import { createInnerAssets } from '../inner/inner-assets.ts';
import { createReferenceApp } from './app.ts';
import { createOpenApi } from './openapi.ts';

const app = createReferenceApp(createInnerAssets());

test('the page names every route with its refusals, and every code with its meaning', async () => {
  const answer = await app.request('/reference');
  const text = await answer.text();
  for (const { operation, path, refusals } of apiRoutes) {
    const section = text.slice(text.indexOf(`<section class="route" id="${operation}"`)).split('</section>')[0] ?? '';
    expect(section).toContain(`<code>${path}</code>`);
    for (const code of refusals) expect(section).toContain(`href="#${code}"`);
  }
  for (const code of problemCodes) expect(text).toContain(`<tr id="${code}">`);
  expect(text).toContain('<code>price.amount</code>');
});

test('the page asks nobody else for anything, and has neither script nor style inline', async () => {
  const answer = await app.request('/reference');
  const policy = answer.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  const text = await answer.text();
  expect(text).not.toMatch(/<script|<style|\sstyle=|\son\w+=|https?:\/\//);
  const style = await app.request('/reference/page.css');
  expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
  expect(await style.text()).not.toMatch(/url\(|@import/);
});

test('the document is served as it is kept in docs', async () => {
  const answer = await app.request('/reference/openapi.json');
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(createOpenApi())));
});
