import { once } from 'node:events';
import { connect } from 'node:net';

/** RESP2 (redis.io/docs/latest/develop/reference/protocol-spec): an array of bulk strings. */
export function encode(args: readonly (string | number)[]): string {
  const parts = args.map(String).map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`);
  return `*${args.length}\r\n${parts.join('')}`;
}

/**
 * Sends `commands` over so many connections with so many in flight in all, always as many as allowed, and returns the
 * seconds until the last reply. Replies must be flat arrays of `fields` integers; one whose first is not `yes` is an
 * error, so that a run of refusals is never measured. No client library: Redis, not the client, is to be the limit.
 */
export async function drive(options: {
  port: number;
  commands: readonly string[];
  connections: number;
  inFlight: number;
  fields: number;
  yes: number;
}): Promise<number> {
  const { port, commands, connections, inFlight, fields, yes } = options;
  const window = Math.max(1, Math.floor(inFlight / connections));
  const sockets = Array.from({ length: connections }, () => connect({ port, host: '127.0.0.1', noDelay: true }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  let next = 0;
  const startedAt = performance.now();
  try {
    await Promise.all(
      sockets.map(
        (socket) =>
          new Promise<void>((resolve, reject) => {
            let open = 0;
            let rest = '';
            const send = () => {
              const last = Math.min(commands.length, next + window - open);
              if (last > next) {
                open += last - next;
                socket.write(commands.slice(next, last).join(''));
                next = last;
              }
              if (open === 0) resolve();
            };
            socket.on('error', reject);
            socket.on('close', () => reject(new Error('Redis closed the connection')));
            socket.setEncoding('latin1');
            socket.on('data', (chunk: string) => {
              const lines = (rest + chunk).split('\r\n');
              rest = lines.pop() ?? '';
              const complete = Math.floor(lines.length / (fields + 1)) * (fields + 1);
              for (let line = 0; line < complete; line += fields + 1) {
                if (lines[line] !== `*${fields}` || lines[line + 1] !== `:${yes}`) {
                  reject(new Error(`not a yes: ${lines.slice(line, line + fields + 1).join(' ')}`));
                  return;
                }
                open -= 1;
              }
              if (complete < lines.length) {
                const left = lines.slice(complete);
                if (left[0]?.startsWith('-')) {
                  reject(new Error(`Redis says: ${left[0]}`));
                  return;
                }
                rest = [...left, rest].join('\r\n');
              }
              send();
            });
            send();
          }),
      ),
    );
    return (performance.now() - startedAt) / 1000;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
