import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * pass          as if there were no proxy
 * cut           every connection is reset, and so is each new one
 * delay         every byte comes `ms` later, in order
 * held          what is sent over connections of this time waits for `letGo`, in every later mode too
 * half-open     bytes vanish in both directions, silently; new connections are accepted and lead nowhere
 * drop-replies  the server hears everything, the client nothing
 */
export type ProxyMode = 'pass' | 'cut' | 'delay' | 'held' | 'half-open' | 'drop-replies';

export type TcpProxy = {
  port: number;
  /** Takes effect at once, for open connections too. `ms` is for `delay`; default 100. */
  mode: (mode: ProxyMode, ms?: number) => void;
  /** Sends on what was held. */
  letGo: () => void;
  /** How many connections are open. */
  connections: () => number;
  close: () => Promise<void>;
};

type Direction = 'request' | 'reply';
/** `isBroken`: bytes of it were lost, so it can never go on: it is reset when the mode that loses them ends. */
type Link = { client: Socket; server: Socket | null; isBroken: boolean; held: Promise<void> | null };

/**
 * A link to `to` that a test can break, on a port of its own on 127.0.0.1. A server that is down looks like a
 * connection that is reset at once: the proxy itself always accepts.
 */
export async function startTcpProxy(options: { to: { host: string; port: number } }): Promise<TcpProxy> {
  const links = new Set<Link>();
  let current: ProxyMode = 'pass';
  let delayMs = 0;
  let gate: PromiseWithResolvers<void> | null = null;

  const loses = (direction: Direction) =>
    current === 'half-open' || (current === 'drop-replies' && direction === 'reply');

  const end = (link: Link) => {
    links.delete(link);
    link.client.resetAndDestroy();
    link.server?.resetAndDestroy();
  };

  function relay(link: Link, from: Socket, to: Socket, direction: Direction): void {
    let tail = Promise.resolve();
    /** Keeps the order of what is delayed by different times. */
    const later = (act: () => void) => {
      const dueAt = performance.now() + delayMs;
      const { held } = link;
      tail = tail.then(async () => {
        await held;
        const left = dueAt - performance.now();
        if (left > 0) await wait(left);
        act();
      });
    };
    from.on('data', (chunk: Buffer) => {
      if (loses(direction)) {
        link.isBroken = true;
        return;
      }
      later(() => {
        if (to.destroyed || to.write(chunk)) return;
        from.pause();
        to.once('drain', () => from.resume());
      });
    });
    from.on('end', () => {
      if (loses(direction)) link.isBroken = true;
      else later(() => to.end());
    });
    from.on('error', () => end(link));
    // Orderly closes travel as `end`; what is left of the other side goes with the second of the two.
    from.on('close', () => {
      if (to.closed || from.errored !== null) end(link);
    });
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const link: Link = {
      client,
      server: null,
      isBroken: false,
      held: current === 'held' ? (gate?.promise ?? null) : null,
    };
    links.add(link);
    if (current === 'cut') {
      end(link);
      return;
    }
    if (current === 'half-open') {
      link.isBroken = true;
      client.on('error', () => end(link));
      client.on('close', () => links.delete(link));
      client.resume();
      return;
    }
    const upstream = connect({ ...options.to, allowHalfOpen: true, noDelay: true });
    link.server = upstream;
    relay(link, client, upstream, 'request');
    relay(link, upstream, client, 'reply');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  return {
    port: address.port,
    mode: (next, ms = 100) => {
      current = next;
      delayMs = next === 'delay' ? ms : 0;
      if (next === 'held') gate ??= Promise.withResolvers();
      for (const link of [...links]) {
        if (next === 'held') link.held = gate?.promise ?? null;
        if (next === 'cut' || (link.isBroken && next !== 'half-open' && next !== 'drop-replies')) end(link);
      }
    },
    letGo: () => {
      gate?.resolve();
      gate = null;
    },
    connections: () => links.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const link of [...links]) end(link);
      }),
  };
}
