import { connect } from 'node:net';

const deadlineMs = 1000;
const maxAnswer = 65_536;

/**
 * One server of an ensemble, as it says itself.
 *
 * serving    it is in a quorum, or stands alone; `zxid` is the newest change that it has
 * looking    it runs and serves nothing: it has no quorum, or has not found it yet
 * untold     it runs and does not allow the question
 * foreign    something else answers there
 * away       no answer within a second, or no connection
 */
export type ZooKeeperServer = { address: string } & (
  | {
      kind: 'serving';
      role: 'leader' | 'follower' | 'observer' | 'standalone';
      version: string;
      zxid: bigint;
      /** Requests that wait in it. */
      outstanding: number;
      /** Open connections of clients, that of the question among them. */
      connections: number;
    }
  | { kind: 'looking' | 'untold' }
  | { kind: 'foreign' | 'away'; why: string }
);

/**
 * Asks every server of a `host:port[,host:port]` (a path after it is passed over) how it is, by `srvr`, all at once, 1 s at
 * most. Never rejects. In the order of the list.
 */
export function readEnsemble(connection: string): Promise<ZooKeeperServer[]> {
  const [list = ''] = connection.split('/');
  const addresses = list.split(',').filter((address) => address !== '');
  return Promise.all(addresses.map(readServer));
}

/** Why the ensemble serves nothing, with each server that has a part in it; null when it does, or may. */
export function quorumTrouble(servers: readonly ZooKeeperServer[]): string | null {
  if (servers.some(({ kind }) => kind === 'serving' || kind === 'untold')) return null;
  const answering = servers.filter(({ kind }) => kind === 'looking').length;
  const count = `${answering} of ${servers.length} servers ${answering === 1 ? 'answers' : 'answer'}`;
  return [`ZooKeeper has no quorum: ${count}`, ...servers.map(serverTrouble)]
    .filter((word) => word !== null)
    .join('; ');
}

/** What is wrong with each server, a quorum or not; empty when all of them serve, as one ensemble. */
export function ensembleTroubles(servers: readonly ZooKeeperServer[]): string[] {
  const loners = servers.filter((server) => server.kind === 'serving' && server.role === 'standalone');
  const alone =
    servers.length > 1 ? loners.map(({ address }) => `${address} stands alone, with a tree of its own`) : [];
  return [...alone, ...servers.map(serverTrouble).filter((word) => word !== null)];
}

/** Why this server serves nothing, begun with its address; null when it does. */
export function serverTrouble(server: ZooKeeperServer): string | null {
  switch (server.kind) {
    case 'serving':
      return null;
    case 'looking':
      return `${server.address} runs without a quorum`;
    case 'untold':
      return `${server.address} does not say how it is: add srvr to its 4lw.commands.whitelist`;
    case 'foreign':
      return `${server.address} is no ZooKeeper: ${server.why}`;
    case 'away':
      return `${server.address} does not answer: ${server.why}`;
  }
}

async function readServer(address: string): Promise<ZooKeeperServer> {
  try {
    return serverOf(address, await ask(address, 'srvr'));
  } catch (error) {
    return { address, kind: 'away', why: error instanceof Error ? error.message : String(error) };
  }
}

/** The answer to one of the four-letter words; ended by the server. */
function ask(address: string, word: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const colon = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
  const timer = setTimeout(() => socket.destroy(new Error(`nothing within ${deadlineMs / 1000} s`)), deadlineMs);
  let text = '';
  socket.setEncoding('latin1');
  socket.once('connect', () => socket.write(word));
  socket.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > maxAnswer) socket.destroy();
  });
  socket.once('error', reject);
  socket.once('close', () => {
    clearTimeout(timer);
    resolve(text);
  });
  return promise;
}

function serverOf(address: string, text: string): ZooKeeperServer {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  const role = field('Mode');
  if (role === 'leader' || role === 'follower' || role === 'observer' || role === 'standalone')
    return {
      ...{ address, kind: 'serving', role },
      version: field('Zookeeper version').split('-')[0] ?? '',
      zxid: BigInt(/^0x[0-9a-f]+$/.exec(field('Zxid'))?.[0] ?? 0),
      outstanding: Number(field('Outstanding')),
      connections: Number(field('Connections')),
    };
  if (text.includes('not currently serving requests')) return { address, kind: 'looking' };
  if (text.includes('not in the whitelist')) return { address, kind: 'untold' };
  if (text === '') return { address, kind: 'away', why: 'it hangs up without a word' };
  const said = text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 40);
  return { address, kind: 'foreign', why: `it says "${said.trim()}"` };
}
