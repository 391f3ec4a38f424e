import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { createTicketApp } from '#gateway/tickets/issue.ts';
import { createAuthenticate } from '#http/authenticate.ts';
import { createProblemApp } from '#http/problem-app.ts';
import type { CountingUpstream } from '#lab/servers/counting-upstream.ts';
import { closeServer, listenForNginx } from '#runtime/listen.ts';
import type { World } from './world/world.ts';

/** It takes the place of an edge's upstream. */
export type Gateway = CountingUpstream & {
  /** How many it was asked. */
  asked: number;
  /** What it answered with UNAVAILABLE, in words. */
  faults: string[];
  /** Starts again with the world as that is now; its sales it looks up in each request. */
  obey(): void;
};

/**
 * The gateway's own ticket office on a unix socket, as gateway/main.ts puts it together. It counts wrong answers and pressure
 * for itself, as every gateway does.
 */
export async function startGateway(path: string, world: World, jwksUrl: string): Promise<Gateway> {
  const made = () => {
    const { sessionSecret, signIn, challengeSecret, ticketTtlMs, calmPerSecond } = world;
    const shop = signIn === null ? undefined : { jwksUrl, ...signIn };
    const app = createTicketApp({
      findSale: (saleId) => world.sales.get(saleId) ?? null,
      knowsAll: () => true,
      challenges: createChallenges(challengeSecret, { calmPerSecond }),
      authenticate: createAuthenticate(sessionSecret, { shop }),
      ticketKeys: () => world.ticketKeys,
      ticketTtlMs,
      now: Date.now,
    });
    const onFault = (error: Error) => void gateway.faults.push(error.message);
    return getRequestListener(createProblemApp([app], onFault).fetch);
  };
  const server = createServer((request, response) => {
    gateway.asked += 1;
    void answer(request, response);
  });
  const gateway: Gateway = {
    asked: 0,
    faults: [],
    seen: [],
    answer: () => {},
    obey() {
      answer = made();
    },
    async stop() {
      server.closeAllConnections();
      await closeServer(server);
    },
  };
  let answer = made();
  await listenForNginx(server, `unix:${path}`);
  server.keepAliveTimeout = 0; // a connection ends by its client alone
  return gateway;
}
