import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Hono } from 'hono';
import { expect, test } from 'vitest';
import { apiRoutes } from '#contract/api/routes.ts';
import { problemCodes, problems } from '#contract/problems.ts';
import { createOrderEventsApp } from '#gateway/orders/events.ts';
import { createOrderListApp } from '#gateway/orders/list.ts';
import { createOrderStatus } from '#gateway/orders/status.ts';
import { createOpenApi } from '#gateway/reference/openapi.ts';
import { createTicketApp } from '#gateway/tickets/issue.ts';
import { createSession } from '#gateway/tickets/session.ts';
import { createDetailsApp } from '#order-worker/details/details-routes.ts';
import { createHandOverApp } from '#order-worker/hand-over/hand-over-routes.ts';
import { createPaymentApp } from '#order-worker/money/payment-routes.ts';
import { createWebhookApp } from '#order-worker/money/webhook-route.ts';
import { purchaseRoute } from '../../seckill-service/purchase/listener.ts';
import { checkoutDir } from '../stack/host/run-directory.ts';
import { openApiFile, openApiText } from './openapi-file.ts';

const document = createOpenApi();

test('docs/openapi.json is what the schemas of the contract say: else run npm run docs:api', () => {
  expect(readFileSync(openApiFile, 'utf8')).toBe(openApiText());
});

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const result = await validator.validate(JSON.parse(openApiText()));
  expect(result).toMatchObject({ valid: true });
  expect(validator.version).toBe('3.1');
  const broken = await validator.validate({ ...JSON.parse(openApiText()), paths: { '/x': { get: { responses: 1 } } } });
  expect(broken.valid).toBe(false);
});

test('every code of the contract is an answer of some route, under its status, and there is no other code', () => {
  const told = new Map<string, Set<number>>();
  for (const route of apiRoutes) {
    for (const code of route.refusals) told.set(code, new Set([...(told.get(code) ?? []), problems[code].status]));
  }
  expect([...told.keys()].sort()).toEqual([...problemCodes].sort());

  const written = new Map<string, string>();
  for (const [, item] of Object.entries(document.paths ?? {})) {
    for (const operation of [item.get, item.post, item.put]) {
      for (const [status, response] of Object.entries(operation?.responses ?? {})) {
        for (const code of JSON.stringify(response).match(/(?<=components\/examples\/)\w+/g) ?? [])
          written.set(code, status);
      }
    }
  }
  expect(Object.fromEntries(written)).toEqual(
    Object.fromEntries(problemCodes.map((code) => [code, String(problems[code].status)])),
  );
  expect(Object.keys(document.components?.examples ?? {})).toEqual(problemCodes);
});

/** Routes only: nothing of these is ever called. */
const nothing = <T>(): T => ({}) as T;
const apps: Hono[] = [
  createSession(nothing()).app,
  createTicketApp(nothing()),
  createOrderListApp(nothing()),
  createOrderStatus(nothing()).app,
  createOrderEventsApp(nothing()),
  createDetailsApp(nothing()),
  createPaymentApp(nothing()),
  createWebhookApp(nothing()),
  createHandOverApp({ ...nothing<Parameters<typeof createHandOverApp>[0]>(), keys: [] }),
];
const told = (routes: readonly { method: string; path: string }[]) =>
  [...new Set(routes.map(({ method, path }) => `${method} ${path}`))].sort();

test('every route of the processes is in the document, and every route that the edge passes on is one of theirs', () => {
  const served = apps.flatMap((app) =>
    app.routes
      .filter(({ method }) => method !== 'ALL') // middleware
      .map(({ method, path }) => ({ method, path: path.replaceAll(/:(\w+)/g, '{$1}') })),
  );
  served.push(purchaseRoute);
  const byTheEdgeItself = (path: string) => /^\/api\/sales(\/\{saleId\})?$/.test(path) || !path.startsWith('/api/');
  expect(told(served)).toEqual(told(apiRoutes.filter(({ path }) => !byTheEdgeItself(path))));
});

/** Every location that a request from outside can name, as a regular expression on the path. */
function locationsOfTheEdge(): RegExp[] {
  const dir = join(checkoutDir, 'nginx-lua/conf.d');
  const inner = ['inner-server.conf.template', 'upstreams.conf.template'];
  const text = readdirSync(dir)
    .filter((name) => !inner.includes(name))
    .map((name) => readFileSync(join(dir, name), 'utf8'))
    .join('\n');
  return [...text.matchAll(/^\s*location (=|~|\^~) "?(\/[^\s"]*|\^[^\s"]*)"? \{(?!\s*internal;)/gm)]
    .filter(([, kind, path]) => !(kind === '^~' && path === '/assets/')) // it only holds others
    .map(([, kind, path = '']) => new RegExp(kind === '=' ? `^${RegExp.escape(path)}$` : path));
}

test('every location of the edge is in the document but the assets, and every route of the document is a location', () => {
  const locations = locationsOfTheEdge().filter(({ source }) => !source.startsWith('^\\/assets'));
  expect(locations.length).toBeGreaterThan(8);
  const samples = apiRoutes.map(({ path }) =>
    path.replace('{saleId}', 'phone').replace('{orderId}', 'phone-01h00000000000000000000000'),
  );
  expect(samples.filter((path) => !locations.some((location) => location.test(path)))).toEqual([]);
  expect(locations.filter((location) => !samples.some((path) => location.test(path)))).toEqual([]);
});

test('docs/cdn.md names every header of the API that must pass', () => {
  const page = readFileSync(join(checkoutDir, 'docs/cdn.md'), 'utf8');
  const operations = Object.values(JSON.parse(openApiText()).paths as Record<string, object>).flatMap(Object.values);
  const names = operations.flatMap(({ parameters = [], responses = {} }) => [
    ...parameters.filter((each: { in: string }) => each.in === 'header').map(({ name }: { name: string }) => name),
    ...Object.values<{ headers?: object }>(responses).flatMap(({ headers = {} }) => Object.keys(headers)),
  ]);
  expect(names).toEqual(expect.arrayContaining(['Seckill-Attempt', 'Retry-After']));
  for (const name of new Set(names)) expect(page).toContain(`\`${name}\``);
});
