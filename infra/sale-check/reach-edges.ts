import { rootCertificates } from 'node:tls';
import { Agent, buildConnector, type Dispatcher, Pool } from 'undici';

/** Where the edges are for shoppers, and how they are reached from here. */
export type EdgePlaces = {
  urls: readonly string[];
  /** `host:port` of each edge, in place of what the first of `urls` resolves to; its name stays in the request and in TLS. */
  connect: readonly string[] | null;
  /** PEM certificates that an edge's is trusted by, beside the public ones. */
  authorities: string | null;
};

/** An edge as a shopper's request reaches it. `name` is for people: its URL, and the place when that is another one. */
export type ReachedEdge = {
  name: string;
  url: string;
  dispatcher: Dispatcher;
  /** A pool of one connection, for questions one after the other; its user closes it. */
  onOneConnection: () => Pool;
};

const connectWithinMs = 2000;
/** More than any of our pages and assets: what stands at a public address may be another server. */
const longestAnswer = 4 * 1024 * 1024;

/** An edge at its own URL, for a question or two. */
export const edgeAt = (url: string): Pick<ReachedEdge, 'name' | 'url' | 'dispatcher'> => ({
  name: url,
  url,
  dispatcher: new Agent({ maxResponseSize: longestAnswer }),
});

/** Every edge that can be asked; `close` ends their connections. */
export function reachEdges({ urls, connect, authorities }: EdgePlaces): {
  edges: ReachedEdge[];
  close: () => Promise<void>;
} {
  const trust =
    authorities === null
      ? {}
      : // The edge's own certificate may stand there, also one that an unknown authority signed.
        { ca: [...rootCertificates, authorities], allowPartialTrustChain: true };
  const connector = buildConnector({ timeout: connectWithinMs, ...trust });
  const edgeOf = (name: string, url: string, to: buildConnector.connector): ReachedEdge => ({
    name,
    url,
    dispatcher: new Agent({ connect: to, maxResponseSize: longestAnswer }),
    onOneConnection: () =>
      new Pool(url, { connections: 1, pipelining: 1, connect: to, maxResponseSize: longestAnswer }),
  });
  const [publicUrl] = urls;
  const edges =
    connect === null || publicUrl === undefined
      ? urls.map((url) => edgeOf(url, url, connector))
      : connect.map((place) => {
          const { hostname, port } = new URL(`tcp://${place}`);
          return edgeOf(`${publicUrl} at ${place}`, publicUrl, (options, callback) =>
            connector({ ...options, hostname: hostname.replace(/^\[|\]$/g, ''), port }, callback),
          );
        });
  const close = async () => {
    await Promise.all(edges.map(({ dispatcher }) => dispatcher.close()));
  };
  return { edges, close };
}
