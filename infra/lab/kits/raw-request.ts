import { connect } from 'node:net';

/** Sends these bytes on a connection of its own; what comes back until the other side closes it. */
export async function sendRaw({ port }: { port: number }, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // nginx may hang up before it has read everything
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}

/** A request without a body, byte for byte as it is given; the connection ends with its answer. */
export const requestHead = (method: string, target: string, ...headers: string[]) =>
  [`${method} ${target} HTTP/1.1`, 'host: x', 'connection: close', ...headers, '', ''].join('\r\n');
