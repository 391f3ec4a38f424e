import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type Arrivals = { sent: number; seconds: number; p50Ms: number; p99Ms: number; maxMs: number };

/**
 * POSTs at a set rate, whether answers come or not (an open loop): what finds no idle connection waits for one, and its
 * time runs from the moment that it was due. So a system that falls behind shows it. Throws on an answer that is no 202.
 */
export async function arriveAt(options: {
  url: string;
  path: string;
  body: string;
  tickets: readonly string[];
  perSecond: number;
  connections: number;
}): Promise<Arrivals> {
  const { url, path, body, tickets, perSecond, connections } = options;
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: connections }, () =>
    connect({ host: hostname, port: Number(port), noDelay: true }),
  );
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nSeckill-Ticket: `;
  const idle = [...sockets];
  const due: number[] = [];
  const took: number[] = [];
  const startedAt = performance.now();
  let scheduled = 0;

  try {
    await new Promise<void>((resolve, reject) => {
      const dispatch = () => {
        while (due.length > 0 && idle.length > 0) ask(idle.pop(), due.shift());
        if (took.length === tickets.length) resolve();
      };
      const ask = (socket: Socket | undefined, dueAt = 0) => {
        if (socket === undefined) return;
        let text = '';
        const hear = (chunk: Buffer) => {
          text += chunk.toString('latin1');
          if (!isWhole(text)) return;
          socket.off('data', hear);
          if (!text.startsWith('HTTP/1.1 202')) return reject(new Error(`not a yes: ${text.slice(0, 300)}`));
          took.push(performance.now() - dueAt);
          idle.push(socket);
          dispatch();
        };
        socket.on('data', hear);
        socket.write(`${head}${tickets[asked++]}\r\n\r\n${body}`);
      };
      let asked = 0;
      for (const socket of sockets) {
        socket.on('error', reject);
        socket.on('close', () => reject(new Error('the edge closed a connection')));
      }
      const tick = setInterval(() => {
        const until = Math.min(tickets.length, Math.floor(((performance.now() - startedAt) / 1000) * perSecond));
        for (; scheduled < until; scheduled += 1) due.push(startedAt + (scheduled / perSecond) * 1000);
        if (scheduled === tickets.length) clearInterval(tick);
        dispatch();
      }, 1);
    });
    const seconds = (performance.now() - startedAt) / 1000;
    took.sort((a, b) => a - b);
    const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN;
    return { sent: took.length, seconds, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: took.at(-1) ?? Number.NaN };
  } finally {
    for (const socket of sockets) socket.removeAllListeners('close').destroy();
  }
}

/** True when a response with a Content-Length is complete. */
function isWhole(text: string): boolean {
  const headEnds = text.indexOf('\r\n\r\n');
  if (headEnds === -1) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return length !== undefined && text.length >= headEnds + 4 + Number(length);
}
