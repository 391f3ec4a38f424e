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
  /**
   * Takes effect at once, for open connections too. `ms` is for `delay`; default 100. `group`: for its connections only,
   * those that are there and those to come.
   */
  mode: (mode: ProxyMode, ms?: number, group?: string) => void;
  /** Sends on what was held. */
  letGo: () => void;
  /** How many connections are open. */
  connections: () => number;
  close: () => Promise<void>;
};

type Direction = 'request' | 'reply';
/** `isBroken`: bytes of it were lost, so it can never go on: it is reset when the mode that loses them ends. */
type Link = { client: Socket; server: Socket | null; group: Group; isBroken: boolean; held: Promise<void> | null };
type Group = { mode: ProxyMode; delayMs: number; gate: PromiseWithResolvers<void> | null };

/**
 * A link to `to` that a test can break, on a port of its own on 127.0.0.1. A server that is down looks like a
 * connection that is reset at once: the proxy itself always accepts. `groupOf` tells apart who connects, by the address
 * that it connects from; without it all are one group.
 */
export async function startTcpProxy(options: {
  to: { host: string; port: number };
  groupOf?: (remoteAddress: string) => string;
}): Promise<TcpProxy> {
  const links = new Set<Link>();
  const groups = new Map<string, Group>();
  const everyone: Group = { mode: 'pass', delayMs: 0, gate: null };

  function groupNamed(name: string): Group {
    const group = groups.get(name) ?? { ...everyone };
    groups.set(name, group);
    return group;
  }

  const loses = ({ group }: Link, direction: Direction) =>
    group.mode === 'half-open' || (group.mode === 'drop-replies' && direction === 'reply');

  const end = (link: Link) => {
    links.delete(link);
    link.client.resetAndDestroy();
    link.server?.resetAndDestroy();
  };

  function relay(link: Link, from: Socket, to: Socket, direction: Direction): void {
    let tail = Promise.resolve();
    /** Keeps the order of what is delayed by different times. */
    const later = (act: () => void) => {
      const dueAt = performance.now() + link.group.delayMs;
      const { held } = link;
      tail = tail.then(async () => {
        await held;
        const left = dueAt - performance.now();
        if (left > 0) await wait(left);
        act();
      });
    };
    from.on('data', (chunk: Buffer) => {
      if (loses(link, direction)) {
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
      if (loses(link, direction)) link.isBroken = true;
      else later(() => to.end());
    });
    from.on('error', () => end(link));
    // Orderly closes travel as `end`; what is left of the other side goes with the second of the two.
    from.on('close', () => {
      if (to.closed || from.errored !== null) end(link);
    });
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const group = groupNamed(options.groupOf?.(client.remoteAddress ?? '') ?? '');
    const held = group.mode === 'held' ? (group.gate?.promise ?? null) : null;
    const link: Link = { client, server: null, group, isBroken: false, held };
    links.add(link);
    if (group.mode === 'cut') {
      end(link);
      return;
    }
    if (group.mode === 'half-open') {
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
    mode: (next, ms = 100, name) => {
      const changed = name === undefined ? [everyone, ...groups.values()] : [groupNamed(name)];
      for (const group of changed) {
        group.mode = next;
        group.delayMs = next === 'delay' ? ms : 0;
        if (next === 'held') group.gate ??= Promise.withResolvers();
      }
      for (const link of [...links]) {
        if (!changed.includes(link.group)) continue;
        if (next === 'held') link.held = link.group.gate?.promise ?? null;
        if (next === 'cut' || (link.isBroken && next !== 'half-open' && next !== 'drop-replies')) end(link);
      }
    },
    letGo: () => {
      for (const group of [everyone, ...groups.values()]) {
        group.gate?.resolve();
        group.gate = null;
      }
    },
    connections: () => links.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const link of [...links]) end(link);
      }),
  };
}
