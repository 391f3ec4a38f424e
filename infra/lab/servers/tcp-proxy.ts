import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * pass          as if there were no proxy
 * cut           every connection is reset, and so is each new one
 * delay         every byte comes `ms` later, in order
 * held          what is sent over connections of this time waits for `letGo`, in every later mode too
 * half-open     bytes vanish in both directions, silently; new connections are accepted and lead nowhere
 * lost          as half-open, and what a delay has under way vanishes too: the machine behind the link lost its power
 * drop-replies  the server hears everything, the client nothing
 */
export type ProxyMode = 'pass' | 'cut' | 'delay' | 'held' | 'half-open' | 'lost' | 'drop-replies';

/** Where a connection comes from. A server that binds its source address (127.0.1.2) is known by it. */
export type Peer = { address: string; port: number };

export type TcpProxy = {
  port: number;
  /**
   * Takes effect at once, for open connections too; what was said for some of them is forgotten. `ms` is for `delay`;
   * default 100.
   */
  mode: (mode: ProxyMode, ms?: number) => void;
  /** The same for the connections of some peers alone, open ones and those that come. The last word about one counts. */
  modeFor: (isMeant: (peer: Peer) => boolean, mode: ProxyMode, ms?: number) => void;
  /** Sends on what was held. */
  letGo: () => void;
  /** How many connections are open. */
  connections: () => number;
  /** Where the open ones come from. */
  peers: () => Peer[];
  close: () => Promise<void>;
};

type Direction = 'request' | 'reply';
type Rule = { isMeant: (peer: Peer) => boolean; mode: ProxyMode; delayMs: number };
/**
 * `isBroken`: bytes of it were lost, so it can never go on: it is reset when the mode that loses them ends. `isLost`: what
 * was under way goes nowhere any more.
 */
type Link = {
  peer: Peer;
  client: Socket;
  server: Socket | null;
  mode: ProxyMode;
  delayMs: number;
  isBroken: boolean;
  isLost: boolean;
  held: Promise<void> | null;
};

const swallowing: ReadonlySet<ProxyMode> = new Set(['half-open', 'lost']);
const everyone = () => true;

/**
 * A link to `to` that a test can break, on a port of its own on 127.0.0.1. A server that is down looks like a
 * connection that is reset at once: the proxy itself always accepts.
 */
export async function startTcpProxy(options: { to: { host: string; port: number } }): Promise<TcpProxy> {
  const links = new Set<Link>();
  let rules: Rule[] = [];
  let gate: PromiseWithResolvers<void> | null = null;

  const loses = ({ mode }: Link, direction: Direction) =>
    swallowing.has(mode) || (mode === 'drop-replies' && direction === 'reply');

  /** What counts for the link by the rules of now. */
  function obey(link: Link): void {
    const rule = rules.findLast(({ isMeant }) => isMeant(link.peer));
    link.mode = rule?.mode ?? 'pass';
    link.delayMs = rule?.delayMs ?? 0;
    link.held = link.mode === 'held' ? (gate?.promise ?? null) : link.held;
    if (link.mode === 'lost') {
      link.isLost = true;
      link.isBroken = true;
    }
    if (link.mode === 'cut' || (link.isBroken && !loses(link, 'reply'))) end(link);
  }

  const end = (link: Link) => {
    links.delete(link);
    link.client.resetAndDestroy();
    link.server?.resetAndDestroy();
  };

  function relay(link: Link, from: Socket, to: Socket, direction: Direction): void {
    let tail = Promise.resolve();
    /** Keeps the order of what is delayed by different times. */
    const later = (act: () => void) => {
      const dueAt = performance.now() + link.delayMs;
      const { held } = link;
      tail = tail.then(async () => {
        await held;
        const left = dueAt - performance.now();
        if (left > 0) await wait(left);
        if (!link.isLost) act();
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
    // What a link swallows is its end, too: the other side hears of it when the link comes back.
    const endUnheard = () => {
      if (swallowing.has(link.mode)) link.isBroken = true;
      else end(link);
    };
    from.on('error', endUnheard);
    // Orderly closes travel as `end`; what is left of the other side goes with the second of the two.
    from.on('close', () => {
      if (to.closed || from.errored !== null) endUnheard();
    });
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const peer = { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 };
    const link: Link = {
      peer,
      client,
      server: null,
      mode: 'pass',
      delayMs: 0,
      isBroken: false,
      isLost: false,
      held: null,
    };
    links.add(link);
    obey(link);
    if (link.mode === 'cut') return;
    if (swallowing.has(link.mode)) {
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

  function rule(isMeant: Rule['isMeant'], mode: ProxyMode, ms = 100): void {
    if (mode === 'held') gate ??= Promise.withResolvers();
    rules.push({ isMeant, mode, delayMs: mode === 'delay' ? ms : 0 });
    for (const link of [...links]) obey(link);
  }

  return {
    port: address.port,
    mode: (mode, ms) => {
      rules = [];
      rule(everyone, mode, ms);
    },
    modeFor: rule,
    letGo: () => {
      gate?.resolve();
      gate = null;
    },
    connections: () => links.size,
    peers: () => [...links].map(({ peer }) => peer),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const link of [...links]) end(link);
      }),
  };
}
