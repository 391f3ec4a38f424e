import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { problemContentType } from '#contract/problems.ts';
import {
  answerFrame,
  answerTail,
  type HeardAsked,
  leaveFrame,
  pongFrame,
  purchaseLink,
  readAsked,
} from '#contract/purchase-frames.ts';
import type { Answer } from '#http/answer.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Decide } from './decide.ts';

/** An edge that reads no more is left; what it was told is at most what it had asked. */
const maxUnreadBytes = 4 * 1024 * 1024;

const greeting = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${purchaseLink.protocol}\r\n\r\n`;
const utf8 = new TextDecoder('utf-8', { fatal: true });

export type Links = {
  /** Tells each edge to ask others from now on. It closes its connection when it has its answers. */
  leave: () => void;
};

/** Whether a request asks for a link, for node:http's `shouldUpgradeCallback`; any other upgrade is not looked at. */
export function asksForLink({ method, url, headers }: IncomingMessage): boolean {
  return method === 'GET' && url === purchaseLink.path && headers.upgrade === purchaseLink.protocol;
}

/** Purchases over the edges' links (contract/purchase-frames.ts), on the connections that `server` takes anyway. */
export function createLinks(server: Server, deps: { decide: Decide; logger: Logger }): Links {
  const { decide, logger } = deps;
  const open = new Map<Socket, (text: string) => void>();
  let isLeaving = false;

  server.on('upgrade', (_request: IncomingMessage, socket: Socket, first: Buffer) => {
    let unsent = '';
    const flush = () => {
      if (socket.writable) socket.write(unsent, 'latin1');
      unsent = '';
      if (socket.writableLength > maxUnreadBytes) socket.destroy();
    };
    // What is answered in one turn, as by one call of the script, is one write.
    const send = (text: string) => {
      if (unsent === '') process.nextTick(flush);
      unsent += text;
    };
    let from = 0;
    const heard: HeardAsked = {
      ping: () => send(pongFrame),
      purchase: (number, saleId, ticket, requestId, body) => {
        // It never rejects.
        void decide({ saleId, ticket, requestId, body: textOf(body), from }).then((answer) =>
          send(answerFrame(number, tailOf(answer))),
        );
      },
    };
    let rest = '';
    const read = (bytes: Buffer) => {
      from = performance.now();
      const text = rest === '' ? bytes.toString('latin1') : rest + bytes.toString('latin1');
      try {
        rest = text.slice(readAsked(text, heard));
      } catch (error) {
        logger.warn({ err: error }, 'an edge sent what is no frame: its link is closed');
        socket.destroy();
      }
    };

    open.set(socket, send);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => open.delete(socket));
    socket.write(greeting, 'latin1');
    if (first.length > 0) read(first);
    socket.on('data', read);
    if (isLeaving) send(leaveFrame);
  });

  return {
    leave: () => {
      isLeaving = true;
      for (const send of open.values()) send(leaveFrame);
    },
  };
}

/** The text of a body whose bytes are read as Latin-1; null when they are no UTF-8. */
function textOf(body: string): string | null {
  if (!/[\x80-\xff]/.test(body)) return body; // what is ASCII is the same in both
  try {
    return utf8.decode(Buffer.from(body, 'latin1'));
  } catch {
    return null;
  }
}

/** Of the answers that are made once: what is sent of them. */
const tails = new WeakMap<Answer, string>();

function tailOf(answer: Answer): string {
  const known = tails.get(answer);
  if (known !== undefined) return known;
  const { status, headers } = answer;
  const header = (name: string) => {
    const at = headers.indexOf(name);
    return at === -1 ? '' : (headers[at + 1] ?? '');
  };
  const tail = answerTail({
    status,
    isProblem: header('Content-Type') === problemContentType,
    retryAfter: Number(header('Retry-After')),
    location: header('Location'),
    body: Buffer.from(answer.body).toString('latin1'),
  });
  if (status !== 202) tails.set(answer, tail);
  return tail;
}
