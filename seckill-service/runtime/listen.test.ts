import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { closeServer, listen, stopListening } from './listen.ts';

test.each([
  ['closeServer', closeServer],
  ['stopListening', stopListening],
])('%s of a server that is just beginning to listen closes it all the same', async (_name, close) => {
  const socket = join(temporaryDirectory('listen'), 'it.sock');
  const server = createServer();
  const closed = new Promise((resolve) => server.once('close', resolve));
  const begun = listen(server, `unix:${socket}`).catch(() => undefined);
  await close(server);
  await begun;
  await closed;
  expect([server.listening, existsSync(socket)]).toEqual([false, false]);
});
