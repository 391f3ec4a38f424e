import { connect, type Socket } from 'node:net';

/** What came back for one request. `status` 0: the connection ended without an answer. Header names are lower case. */
export type Answer = { status: number; headers: [name: string, value: string][]; body: Buffer };

/** One connection that is kept, on which one request is asked at a time. */
export type Line = {
  /** The bytes of one request, in the pieces in which they leave. */
  ask(pieces: readonly Buffer[], isHead: boolean): Promise<Answer>;
  close(): void;
};

const patienceMs = 60_000;
const none: Answer = { status: 0, headers: [], body: Buffer.alloc(0) };

/** `to`: a port of the loopback, or the path of a unix socket. It connects when it is asked, and again after an end. */
export function openLine(to: number | string): Line {
  let socket: Socket | null = null;
  let received: Buffer = Buffer.alloc(0);
  let isHead = false;
  /** Of the request, not sent yet: an answer may come before. */
  let unsent: readonly Buffer[] = [];
  let waiting: { answered: (answer: Answer) => void; timer: NodeJS.Timeout } | null = null;

  const answer = (value: Answer) => {
    const { answered, timer } = waiting ?? {};
    clearTimeout(timer);
    waiting = null;
    received = Buffer.alloc(0);
    if (value.status === 0 || unsent.length > 0 || headerOf(value, 'connection') === 'close') leave();
    answered?.(value);
  };
  const leave = () => {
    socket?.destroy();
    socket = null;
  };
  const connected = (): Socket => {
    if (socket !== null) return socket;
    const opened = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
    opened.setNoDelay(true);
    opened.on('data', (chunk) => {
      if (socket !== opened) return;
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const whole = readAnswer(received, isHead);
      if (whole !== null) answer(whole);
    });
    const ended = () => {
      if (socket === opened) answer(none);
    };
    opened.on('error', ended);
    opened.on('close', ended);
    socket = opened;
    return opened;
  };

  return {
    ask(pieces, head) {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      isHead = head;
      unsent = [];
      waiting = { answered: resolve, timer: setTimeout(answer, patienceMs, none) };
      const opened = connected();
      const send = ([piece, ...rest]: readonly Buffer[]) => {
        if (piece === undefined || socket !== opened) return;
        unsent = rest;
        // The second piece is on its way when the first was looked at: what nginx has of the body then is its own affair.
        opened.write(piece, () => rest.length > 0 && setTimeout(send, 1, rest));
      };
      send(pieces);
      return promise;
    },
    close: leave,
  };
}

export const headerOf = ({ headers }: Answer, wanted: string): string | null =>
  headers.find(([name]) => name === wanted)?.[1] ?? null;

/** Null until the whole answer is in. */
function readAnswer(bytes: Buffer, isHead: boolean): Answer | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const answer: Answer = { status: Number(first.split(' ')[1]), headers, body: Buffer.alloc(0) };
  const rest = bytes.subarray(end + 4);
  if (answer.status === 100) return readAnswer(rest, isHead);
  if (isHead || answer.status === 204 || answer.status === 304) return answer;
  if (headerOf(answer, 'transfer-encoding') === 'chunked') {
    const body = readChunks(rest);
    return body === null ? null : { ...answer, body };
  }
  const length = Number(headerOf(answer, 'content-length') ?? 0);
  return rest.length < length ? null : { ...answer, body: rest.subarray(0, length) };
}

function readChunks(bytes: Buffer): Buffer | null {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    const length = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (bytes.length < end + 2 + length + 2) return null;
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}
