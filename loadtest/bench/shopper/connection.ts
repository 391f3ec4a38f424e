import { once } from 'node:events';
import { connect } from 'node:net';

/** `isPassedOn`: nginx asked a process behind it. It names the request to that process, and only then to the client, too. */
export type Reply = { status: number; body: string; isPassedOn: boolean };
export type Connection = Awaited<ReturnType<typeof openConnection>>;

/**
 * One shopper's connection (HTTP/1.1), for one request after the other. No client library: of all that runs here, it has to
 * take the least of the processor. Rejects when the connection ends before an answer is whole.
 */
export async function openConnection(url: URL) {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  let waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null;
  let text = '';
  const fail = (error?: Error) => {
    waiting?.reject(error ?? new Error('the edge closed the connection'));
    waiting = null;
  };
  socket.setEncoding('latin1'); // a byte is a letter, so that lengths are right
  socket.on('error', fail);
  socket.on('close', () => fail());
  socket.on('data', (chunk: string) => {
    text += chunk;
    const reply = wholeReply(text);
    if (reply === null) return;
    text = '';
    const { resolve } = waiting ?? { resolve: () => {} };
    waiting = null;
    resolve(reply);
  });
  await once(socket, 'connect');
  return {
    /** `request` is the request as it goes out, head and body. */
    ask: (request: string): Promise<Reply> =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request, 'latin1');
      }),
    close: async (): Promise<void> => {
      waiting = null;
      socket.end();
      await once(socket, 'close');
    },
  };
}

/** The answer, once all of it is there. */
function wholeReply(text: string): Reply | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = text.slice(0, end);
  const body = text.slice(end + 4);
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (length === undefined ? !body.endsWith('0\r\n\r\n') : body.length < Number(length)) return null;
  return { status: Number(head.slice(9, 12)), body, isPassedOn: /^x-request-id:/im.test(head) };
}

export type Ask = { method: 'GET' | 'POST'; path: string; headers?: Readonly<Record<string, string>>; body?: string };

/** A request with the headers that a phone's browser sends along. */
export function requestText(url: URL, { method, path, headers = {}, body }: Ask): string {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${url.host}`,
    'User-Agent: Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
    'Accept: */*',
    'Accept-Language: en-GB,en;q=0.9',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Sec-Fetch-Site: same-origin',
    'Sec-Fetch-Mode: cors',
    'Sec-Fetch-Dest: empty',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${Buffer.from(body ?? '').toString('latin1')}`;
}
