import { socketOwners } from '#lab/servers/socket-owner.ts';
import { type Peer, type ProxyMode, startTcpProxy, type TcpProxy } from '#lab/servers/tcp-proxy.ts';

/** What a server of the HA topology tells the others of itself: the port where it is reached, the address it connects from. */
export type Face = { port: number; source: string };

/**
 * Every link of the HA topology. Each server has one proxy in front of it, whose port it announces; who connects is known
 * by its source address where it is a Redis or a sentinel, and by its process where it is one of the stack's own.
 */
export type Links = {
  /** Proxies for these servers, by their names and own ports; earlier ones are closed. */
  face: (ports: Readonly<Record<string, number>>) => Promise<Record<string, Face>>;
  /** The name of the server that announced that port; null when there is none. */
  nameOf: (port: number) => string | null;
  /**
   * What is between these and all others, in both directions. A name is a server's, one of our processes', or `ours`: all
   * of them. A process keeps its links to the servers that have nothing to do with the stock, on either side.
   */
  isolate: (names: readonly string[], mode: ProxyMode, ms?: number) => void;
  /** What is between two servers, or one of our processes and a server. */
  between: (one: string, other: string, mode: ProxyMode, ms?: number) => void;
  /** How many connections that one of our processes has to each server. */
  connectionsOf: (process: string) => Map<string, number>;
  heal: () => void;
  close: () => Promise<void>;
};

/** 127.0.1.1 to 3 are the Redis of the stock, 127.0.2.* the sentinels, 127.0.3.* the Redis of the queue. No set-up is needed for them on Linux. */
const nets = { 'stock-redis': 1, sentinel: 2, 'queue-redis': 3 } as const;
const ours = '127.0.0.1';
const isOfStock = (server: string) => /^(stock-redis|sentinel)-/.test(server);

function sourceOf(name: string): string {
  const { role = '', number } = /^(?<role>.+)-(?<number>\d)$/.exec(name)?.groups ?? {};
  return role in nets ? `127.0.${nets[role as keyof typeof nets]}.${number}` : ours;
}

/** `pids`: of our processes as they run now, by their names. */
export function openLinks(pids: () => ReadonlyMap<string, number>): Links {
  const proxies = new Map<string, TcpProxy>();
  const sources = new Map<string, string>();
  /** Names of peers that were looked up: a connection keeps its owner. */
  const known = new WeakMap<Peer, string>();
  let look: ((port: number) => string | null) | null = null;

  /** One look at /proc serves for every peer that was there when it was taken. */
  function ownerOf(peer: Peer): string {
    const name = known.get(peer) ?? look?.(peer.port);
    if (name !== undefined && name !== null) {
      known.set(peer, name);
      return name;
    }
    look = socketOwners(pids());
    const found = look(peer.port) ?? 'ours';
    known.set(peer, found);
    // Its port may be another's soon.
    setImmediate(() => {
      look = null;
    });
    return found;
  }

  /** `isAsked`: whether it matters which of our processes a peer is. */
  const nameOfPeer = (peer: Peer, isAsked: boolean): string =>
    sources.get(peer.address) ?? (isAsked ? ownerOf(peer) : 'ours');

  function rule(isMeant: (peer: string, server: string) => boolean, isAsked: boolean, mode: ProxyMode, ms?: number) {
    for (const [server, proxy] of proxies) {
      proxy.modeFor((peer) => isMeant(nameOfPeer(peer, isAsked), server), mode, ms);
    }
  }
  const isServer = (name: string) => proxies.has(name);
  const closeAll = async () => {
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
    proxies.clear();
    sources.clear();
  };

  return {
    async face(ports) {
      await closeAll();
      const faces: Record<string, Face> = {};
      for (const [name, port] of Object.entries(ports)) {
        const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port } });
        const source = sourceOf(name);
        proxies.set(name, proxy);
        if (source !== ours) sources.set(source, name);
        faces[name] = { port: proxy.port, source };
      }
      return faces;
    },
    nameOf: (port) => [...proxies].find(([, proxy]) => proxy.port === port)?.[0] ?? null,
    isolate(names, mode, ms) {
      const group = new Set(names);
      const isAsked = names.some((name) => name !== 'ours' && !isServer(name));
      const isNeutral = (peer: string, server: string) => !(isServer(peer) || isOfStock(server) || group.has(server));
      const isMeant = (peer: string, server: string) =>
        group.has(peer) !== group.has(server) && !isNeutral(peer, server);
      rule(isMeant, isAsked, mode, ms);
    },
    between(one, other, mode, ms) {
      const isAsked = [one, other].some((name) => name !== 'ours' && !isServer(name));
      const isMeant = (peer: string, server: string) =>
        (peer === one && server === other) || (peer === other && server === one);
      rule(isMeant, isAsked, mode, ms);
    },
    connectionsOf(process) {
      const found = new Map<string, number>();
      for (const [server, proxy] of proxies) {
        const count = proxy.peers().filter((peer) => nameOfPeer(peer, true) === process).length;
        if (count > 0) found.set(server, count);
      }
      return found;
    },
    heal() {
      for (const proxy of proxies.values()) proxy.mode('pass');
    },
    close: closeAll,
  };
}
