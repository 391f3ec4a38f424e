import { expect, inject, test } from 'vitest';
import { freePort } from '#lab/servers/free-port.ts';
import { postgresGroup } from './postgres-group.ts';

test('a PostgreSQL alone is its own primary; one that is away beside it is a problem, and no standby is counted', async () => {
  const url = new URL(inject('servers').databaseUrl);
  const { host } = url;
  expect(await postgresGroup(url.href)).toMatchObject({ says: `${host} stands alone`, problems: [] });
  const away = `127.0.0.1:${await freePort()}`;
  const both = url.href.replace(host, `${away},${host}`);
  expect(await postgresGroup(both)).toMatchObject({
    says: `${host} is the primary; 0 of 1 standby`,
    problems: [
      expect.stringContaining(`${away} does not answer`),
      expect.stringContaining(`a commit on ${host} waits for no standby`),
    ],
    servers: [
      { address: away, part: null },
      { address: host, part: 'primary' },
    ],
  });
});
