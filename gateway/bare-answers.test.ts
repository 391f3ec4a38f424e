import { once } from 'node:events';
import { Agent, createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { expect, onTestFinished, test } from 'vitest';
import { describeRequest, type RequestWords } from '#contract/origin.ts';
import { createAuthenticate, signSession } from '#http/authenticate.ts';
import { createBareRoutes } from '#http/bare-routes.ts';
import { createProblemApp } from '#http/problem-app.ts';
import { createFindOwnOrder } from './orders/find-own-order.ts';
import type { ReadOrder } from './orders/read-orders.ts';
import { createOrderStatus } from './orders/status.ts';
import { createSession } from './tickets/session.ts';

const secret = 'a session secret of a test, 32 letters';
const nowMs = 1_800_000_000_000;
const orderId = `tea-${'0'.repeat(26)}`;
const brokenId = `tea-${'1'.repeat(26)}`;
const token = (userId: string) => `Bearer ${signSession(userId, secret, nowMs)}`;

const readOrder: ReadOrder = async (id) => {
  if (id === brokenId) throw new Error('redis is gone');
  if (id !== orderId) return null;
  const reservation = { state: 'held' as const, units: 1, place: 7, acceptedAt: nowMs, userId: 'ada' };
  return { orderId, saleId: 'tea', reservation, shown: null };
};

/** The same routes twice: on the app alone, and with the bare ones before it. */
async function twoServers(demoSignIn: boolean) {
  const now = () => nowMs;
  const authenticate = createAuthenticate(secret, { now });
  const progress = { get: async () => ({ behind: 2, unitsPerSecond: 2 }) };
  const session = createSession({ secret, demoSignIn, now });
  const findOwnOrder = createFindOwnOrder({ readOrder, authenticate });
  const status = createOrderStatus({ findOwnOrder, progress, findTerms: () => null, now });
  const faults: object[] = [];
  const bare: [string, number][] = [];
  const onFault = (error: unknown, words: RequestWords) => faults.push({ error: String(error), ...words });
  const app = createProblemApp([session.app, status.app], (error, asked) => onFault(error, describeRequest(asked)));
  const otherwise = getRequestListener(app.fetch);
  const serve = async (listener: RequestListener) => {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port; // a TCP server's
  };
  const routes = [session.route, status.route];
  const onAnswer = (path: string, code: number) => bare.push([path, code]);
  const withBare = createBareRoutes({ routes, otherwise, onAnswer, onFault });
  return { ports: [await serve(otherwise), await serve(withBare)], bare, faults };
}

type Question = { method: string; path: string; authorization?: string; body?: string };

/** Status, headers and body; what is drawn for each user is left out. */
async function ask(port: number, agent: Agent, { method, path, authorization, body }: Question) {
  const headers = { ...(authorization === undefined ? {} : { authorization }), 'x-request-id': 'of-this-test' };
  const call = request({ host: '127.0.0.1', port, agent, method, path, headers });
  call.end(body);
  const [response] = await once(call, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  const { date: _, ...said } = response.headers;
  const drawn = text.replace(/user-[0-9a-f-]{36}/, '<user>').replace(/"token":"[\w.-]+"/, '"token":<token>');
  return { status: response.statusCode, headers: said, body: drawn };
}

const own = `/api/orders/${orderId}`;
const byAda = (path: string, method = 'GET'): Question => ({ method, path, authorization: token('ada') });
const signIn = (path: string, body?: string): Question => ({ method: 'POST', path, ...(body && { body }) });
const questions: Question[] = [
  ...['POST', 'GET', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'PATCH', 'TRACE'].flatMap((method) => [
    byAda('/api/session', method),
    byAda(own, method),
  ]),
  ...['', '{}', 'x'.repeat(3000)].map((body) => signIn('/api/session', body)),
  ...['?a=b', '/', '%20', '/.', ';x'].map((end) => signIn(`/api/session${end}`)),
  ...['//api/session', '/api/sessio%6e', '/api/./session', '/API/session'].map((path) => signIn(path)),
  ...['?a=b', '/', '%20', '/.', ';x'].map((end) => byAda(`${own}${end}`)),
  ...[`/api/orders/te%61-${'0'.repeat(26)}`, own.toUpperCase(), `/${own}`].map((path) => byAda(path)),
  ...['', 'x', '..', 'a'.repeat(300), brokenId].map((id) => byAda(`/api/orders/${id}`)),
  ...[token('bob'), 'Bearer x', 'Basic eA==', '', `${token('ada')} `, 'bearer  a.b.c', token('a\nb')].map(
    (authorization) => ({ method: 'GET', path: own, authorization }),
  ),
  { method: 'GET', path: own },
];

test.each([true, false])('a bare route answers as the app does, to the byte (demo sign-in: %s)', async (demoSignIn) => {
  const { ports, bare, faults } = await twoServers(demoSignIn);
  // One connection each: what is left of a body would be read as the next request.
  const agents = ports.map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
  onTestFinished(() => agents.forEach((agent) => void agent.destroy()));
  for (const question of questions) {
    const [byApp, byBare] = await Promise.all(
      ports.map((port, index) => ask(port, agents[index] ?? new Agent(), question)),
    );
    expect([question, byBare]).toEqual([question, byApp]);
  }
  const fault = { requestId: 'of-this-test', method: 'GET', path: `/api/orders/${brokenId}` };
  expect(faults).toEqual(Array(2).fill({ error: 'Error: redis is gone', ...fault }));
  const said = (path: string) => new Set(bare.filter(([name]) => name === path).map(([, status]) => status));
  expect(said('/api/session')).toEqual(new Set([demoSignIn ? 201 : 403]));
  expect(said('/api/orders/:orderId')).toEqual(new Set([200, 401, 403, 404, 503]));
});
