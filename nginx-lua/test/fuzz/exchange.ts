import { connect } from 'node:net';
import type { Case } from './cases.ts';

/** What came back until the edge closed, or had nothing more to say. `closed`: the edge ended the connection. */
export type Exchange = { answers: Buffer; closed: boolean };

/** Sends a case on a connection of its own. After `idleMs` of silence the client leaves. */
export function exchange(port: number, { pieces, abort }: Case, idleMs: number): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const done = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers: Buffer.concat(chunks), closed });
    };
    let timer = setTimeout(done, 5000, false);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(done, idleMs, false);
    });
    socket.on('error', () => done(true));
    socket.on('close', () => done(true));
    const send = ([piece, ...rest]: Buffer[]) => {
      if (piece === undefined) {
        if (abort) return done(false);
        clearTimeout(timer);
        timer = setTimeout(done, idleMs, false);
        return;
      }
      socket.write(piece, () => setImmediate(send, rest));
    };
    socket.on('connect', () => send(pieces));
  });
}
