export type Server = { host: string; port: string | number };

/** The walk of a client over its servers, round and round: it counts on as soon as it connects, so 1 while it is at the first. */
export type Walk = { readonly servers: readonly Server[]; readonly nextServerIndex: number };

/** host:port of the server whose turn it is. */
export function serverOf({ servers, nextServerIndex }: Walk): string {
  const server = servers.at((nextServerIndex - 1) % servers.length);
  return server === undefined ? '' : `${server.host}:${server.port}`;
}

/** The servers as another walk is to have them: begun at the one whose turn it is, or at the next, so that this one comes last. */
export function serversFrom({ servers, nextServerIndex }: Walk, first: 'same' | 'next'): Server[] {
  const begin = (first === 'next' ? nextServerIndex : nextServerIndex - 1 + servers.length) % servers.length;
  return [...servers.slice(begin), ...servers.slice(0, begin)];
}
