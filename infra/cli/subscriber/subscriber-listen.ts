import { createServer, type IncomingMessage } from 'node:http';
import type { Command } from 'commander';
import type { OrderEventType } from '#contract/order-events.ts';
import { defaultDelivery } from '#contract/subscribers.ts';
import { newWebhookSecret, parseWebhookSecrets, verifyWebhook } from '#runtime/standard-webhooks.ts';
import { CliError } from '../kit/cli-error.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import type { CliRun } from '../kit/run.ts';
import { eventTypes } from './subscriber-options.ts';
import { withSubscribers } from './with-subscribers.ts';

const maxBytes = 16 * 1024 * 1024;

type Heard = { id: string; type: string; subject: string; data: { version: number } };

/**
 * A subscriber for developers: listens on this machine, verifies what comes and prints it, until Ctrl-C. It adds itself
 * when it starts and removes itself when it ends.
 */
export function registerSubscriberListen(subscriber: Command): void {
  subscriber
    .command('listen')
    .description('be a subscriber yourself until Ctrl-C: verify and print every event, to see what subscribers get')
    .option('--port <n>', 'port on 127.0.0.1 (default: a free one)', wholeNumber(0, 65_535), 0)
    .option('--events <types>', 'types with commas between them, or "all" (default: all)', eventTypes)
    .option('--batch <n>', 'events a request', wholeNumber(1, 1000), 1)
    .option('--answer <status>', 'answer with this status, to see what happens then', wholeNumber(200, 599), 204)
    .addOption(jsonOption())
    .addOption(dirOption())
    .action(
      (
        options: { port: number; events?: OrderEventType[] | null; batch: number; answer: number; json?: boolean },
        command: Command,
      ) =>
        withSubscribers(command, async ({ subscribers, output, run }) => {
          const secret = newWebhookSecret();
          const heard = await listen({
            ...options,
            secret,
            onEvent: (event) => print(run, event, options.json === true),
            onForged: () => output.progress('refused what was not signed with this secret'),
          });
          const interrupted = run.interruption();
          const name = `listen-${heard.port}`;
          const url = `http://127.0.0.1:${heard.port}/`;
          try {
            const outcome = await subscribers.add({
              ...defaultDelivery,
              batchSize: options.batch,
              retry: { tries: 3, firstMs: 1000, longestMs: 5000 },
              name,
              url,
              allowInner: true,
              types: options.events ?? null,
              secret,
            });
            if (outcome !== 'added') {
              throw new CliError(`"${name}" cannot be added (${outcome}): seckill subscriber remove ${name}`, 2);
            }
            output.progress(`listening as ${name} at ${url}, answering ${options.answer}. Ctrl-C ends it.`);
            await interrupted.happened;
            const found = await subscribers.find(name);
            if (found !== null) await subscribers.remove(found, () => {});
            output.progress(`removed ${name}`);
          } finally {
            heard.close();
          }
        }),
    );
}

function print({ stdout }: CliRun, event: Heard, isJson: boolean): void {
  const words = `${event.type}  ${event.subject}  version ${event.data.version}`;
  stdout.write(isJson ? `${JSON.stringify(event)}\n` : `${words}\n`);
}

async function listen(options: {
  port: number;
  secret: string;
  answer: number;
  onEvent: (event: Heard) => void;
  onForged: () => void;
}): Promise<{ port: number; close: () => void }> {
  const keys = parseWebhookSecrets(options.secret);
  const server = createServer(async (request, response) => {
    const body = await read(request).catch(() => null);
    if (body === null) return void response.writeHead(413).end();
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    if (verifyWebhook({ headers, body, nowMs: Date.now() }, keys).kind !== 'genuine') {
      options.onForged();
      return void response.writeHead(401).end('not signed with this secret\n');
    }
    for (const event of [JSON.parse(body) as Heard | Heard[]].flat()) options.onEvent(event); // signed by us
    response.writeHead(options.answer).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new CliError(`cannot listen on port ${options.port}: ${error.message}`, 2)));
    server.listen({ host: '127.0.0.1', port: options.port }, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port, close };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
