import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import {
  answerFrame,
  answerTail,
  type FramedAnswer,
  leaveFrame,
  pongFrame,
  purchaseLink,
  readAsked,
} from '#contract/purchase-frames.ts';

export type AskedOverLink = { saleId: string; ticket: string; requestId: string; body: string };
/** What a purchase is answered with; `answer` is called at most once. */
export type LinkAnswer = (asked: AskedOverLink, answer: (what?: Partial<FramedAnswer>) => void, link: Socket) => void;

export type LinkedService = {
  /** Every purchase that reached it over a link, in order, and the bytes of all. */
  asked: AskedOverLink[];
  bytes: () => string;
  /** How it answers from now on. */
  answer: LinkAnswer;
  /** Whether it sends each byte by itself. */
  inPieces: boolean;
  /** Whether it says nothing, as a frozen one, although it takes what comes; what it has to say it says afterwards. */
  isSilent: boolean;
  /** How many pings each link has left unanswered while it is silent. */
  unanswered: Map<Socket, number>;
  /** Those that an edge uses. */
  links: Set<Socket>;
  /** Tells the edges that it leaves. */
  leave(): void;
  stop(): Promise<void>;
};

export const accepted: FramedAnswer = {
  status: 202,
  isProblem: false,
  retryAfter: 0,
  location: '/api/orders/open-01hzzzzzzzzzzzzzzzzzzzzzzz',
  body: '{"place":1}',
};

/** A service's side of a link on a unix socket, that remembers what reached it and says yes. */
export async function startLinkedService(path: string): Promise<LinkedService> {
  let bytes = '';
  let isSilent = false;
  const unsaid: (() => void)[] = [];
  const server = createServer((_request, response) => void response.writeHead(404).end());
  server.on('upgrade', (_request, link: Socket) => {
    let rest = '';
    let sending = Promise.resolve();
    const send = (text: string) => {
      if (isSilent) return void unsaid.push(() => send(text));
      const bytes = service.inPieces ? [...text] : [text];
      sending = sending.then(async () => {
        for (const piece of bytes) {
          if (link.writable) link.write(piece, 'latin1');
          if (bytes.length > 1) await new Promise(setImmediate);
        }
      });
    };
    link.setNoDelay(true);
    link.on('error', () => link.destroy());
    link.on('end', () => link.end());
    link.on('close', () => service.links.delete(link));
    link.on('data', (chunk) => {
      bytes += chunk.toString('latin1');
      rest += chunk.toString('latin1');
      const used = readAsked(rest, {
        ping: () => {
          service.links.add(link);
          if (isSilent) service.unanswered.set(link, (service.unanswered.get(link) ?? 0) + 1);
          send(pongFrame);
        },
        purchase: (number, saleId, ticket, requestId, body) => {
          const asked = { saleId, ticket, requestId, body };
          service.asked.push(asked);
          const answer = (what = {}) => send(answerFrame(number, answerTail({ ...accepted, ...what })));
          service.answer(asked, answer, link);
        },
      });
      rest = rest.slice(used);
    });
    const hello = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${purchaseLink.protocol}`];
    send([...hello, '', ''].join('\r\n'));
  });
  const service: LinkedService = {
    asked: [],
    bytes: () => bytes,
    answer: (_, answer) => answer(),
    inPieces: false,
    get isSilent() {
      return isSilent;
    },
    set isSilent(to) {
      isSilent = to;
      service.unanswered.clear();
      if (!to) for (const say of unsaid.splice(0)) say();
    },
    unanswered: new Map(),
    links: new Set(),
    leave: () => {
      for (const link of service.links) link.write(leaveFrame, 'latin1');
    },
    async stop() {
      for (const link of service.links) link.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return service;
}
