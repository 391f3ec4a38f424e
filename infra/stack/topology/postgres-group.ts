import { bytesText } from '#runtime/bytes-text.ts';
import { counted } from '#runtime/counted.ts';
import {
  type PostgresServer,
  type PostgresStandby,
  postgresTroubles,
  readPostgresTopology,
} from '#runtime/postgres/topology.ts';
import type { Group, Lag, Part } from './group.ts';

/** Who is the primary of a database's URL, and how far its standbys are. */
export async function postgresGroup(url: string): Promise<Group> {
  return postgresGroupOf(await readPostgresTopology(url));
}

/** The same, of servers that were asked. */
export function postgresGroupOf(servers: readonly PostgresServer[]): Group {
  return {
    name: 'PostgreSQL',
    says: servers.length === 1 ? alone(servers[0]) : whoLeads(servers),
    problems: postgresTroubles(servers),
    servers: servers.map((server) => partOf(server, servers)),
  };
}

function alone(server: PostgresServer | undefined): string {
  if (server === undefined) return 'no server';
  if (server.kind === 'away') return `${server.name} does not answer`;
  return server.kind === 'primary' ? `${server.name} stands alone` : `${server.name} is a standby`;
}

function whoLeads(servers: readonly PostgresServer[]): string {
  const primary = servers.find(({ kind }) => kind === 'primary');
  const [first] = servers;
  const standbys = servers.flatMap((server) => (server.kind === 'primary' ? server.standbys : []));
  const others = servers.length - 1;
  return [
    primary === undefined ? 'no server is the primary' : `${primary.name} is the primary`,
    ...(first?.kind === 'standby' ? [`${first.name}, the first of the URL, is a standby`] : []),
    `${standbys.length} of ${counted(others, 'standby', 'standbys')}${standbys.length === 0 ? '' : ': '}${standbys.map(standbyText).join(', ')}`,
  ].join('; ');
}

const syncWords = {
  sync: 'synchronous',
  quorum: 'synchronous',
  potential: 'would be synchronous',
  async: 'asynchronous',
};

function standbyText({ name, sync, lagBytes }: PostgresStandby): string {
  const words = [name, ...(sync === null ? [] : [syncWords[sync]])].join(' ');
  return lagBytes === null ? words : `${words}, ${bytesText(lagBytes)} behind`;
}

function partOf(server: PostgresServer, all: readonly PostgresServer[]): Part {
  const standbys = all.flatMap((each) => (each.kind === 'primary' ? each.standbys : []));
  // A standby calls itself by another name than its address: which is which is plain where there is one.
  const only = standbys.length === 1 && all.length === 2 ? standbys[0] : undefined;
  const lag: Lag | null =
    server.kind === 'standby' && only !== undefined ? { bytes: only.lagBytes, seconds: only.lagSeconds } : null;
  return {
    address: server.name,
    part: server.kind === 'away' ? null : server.kind === 'primary' && all.length === 1 ? 'alone' : server.kind,
    lag,
    problem:
      server.kind === 'away'
        ? server.why
        : server.kind === 'standby' && !server.receives
          ? 'no primary sends to it'
          : null,
  };
}
