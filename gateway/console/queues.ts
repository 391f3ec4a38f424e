import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import { Queue } from 'bullmq';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { subscriberQueueName } from '#contract/subscribers.ts';
import type { Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';

const at = '/console/queues';
const lookMs = 30_000;

/**
 * bull-board, for whoever wants to see the jobs themselves. It cannot do without inline styles, so it has a policy of its
 * own, for its own path: scripts stay what they are for the console, and nothing comes from elsewhere.
 */
export function createQueuePages(deps: { redis: Redis; pool: Pool; writable: boolean; logger: Logger }) {
  const { redis, pool, writable, logger } = deps;
  const adapter = new HonoAdapter(serveStatic);
  adapter.setBasePath(at);
  const shown = new Map<string, { queue: Queue; adapter: BullMQAdapter }>();
  const board = createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'seckill queues',
        hideRedisDetails: true,
        miscLinks: [{ text: 'Console', url: '/console' }],
      },
    },
  });

  function show(names: readonly string[]): void {
    for (const name of names) {
      if (shown.has(name)) continue;
      const queue = new Queue(name, { connection: redis, prefix: queuePrefix, skipVersionCheck: true });
      queue.on('error', () => {}); // each call rejects with it
      const one = new BullMQAdapter(queue, { readOnlyMode: !writable, allowRetries: writable });
      shown.set(name, { queue, adapter: one });
      board.addQueue(one);
    }
    for (const [name, one] of shown) {
      if (names.includes(name)) continue;
      board.removeQueue(one.adapter);
      shown.delete(name);
      void one.queue.close().catch(() => undefined); // nothing of it is needed any more
    }
  }

  // Subscribers come and go; their queues with them.
  const fixed = Object.values(queueNames);
  show(fixed);
  const loop = startLoop({
    name: 'queues of subscribers',
    everyMs: lookMs,
    logger,
    pass: async () => {
      const { rows } = await pool.query<{ name: string }>('SELECT name FROM subscribers ORDER BY name');
      show([...fixed, ...rows.map(({ name }) => subscriberQueueName(name))]);
      return 'idle';
    },
  });

  const app = new Hono();
  app.use(
    `${at}/*`,
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
      referrerPolicy: 'same-origin',
      xFrameOptions: 'DENY',
      strictTransportSecurity: false,
    }),
  );
  app.use(at, withoutForeignFonts);
  app.use(`${at}/*`, withoutForeignFonts);
  app.get(`${at}/`, (context) => context.redirect(at, 301));
  app.route(at, adapter.registerPlugin());
  return {
    app,
    close: async () => {
      await loop.close();
      await Promise.all([...shown.values()].map(({ queue }) => queue.close()));
    },
  };
}

/** Its page asks Google for a typeface: we ask nobody for anything. */
async function withoutForeignFonts(context: { res: Response }, next: () => Promise<void>): Promise<void> {
  await next();
  const { res } = context;
  if (!(res.headers.get('content-type') ?? '').startsWith('text/html')) return;
  const text = (await res.text()).replaceAll(/<link [^>]*https?:\/\/[^>]*>/g, '');
  const headers = new Headers(res.headers);
  headers.delete('content-length');
  context.res = new Response(text, { status: res.status, headers });
}
