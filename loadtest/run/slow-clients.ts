import { connect, type Socket } from 'node:net';

export type SlowClientsReport = { opened: number; closedByEdge: number };

/**
 * Clients that send a request one header line every few seconds and never finish it. Each holds a connection of the
 * edge's for as long as the edge lets it; another takes its place when it is put out. Loopback only: the caller checked.
 */
export function startSlowClients(edgeUrl: string, count: number): { stop: () => SlowClientsReport } {
  const { hostname, port } = new URL(edgeUrl);
  const report: SlowClientsReport = { opened: 0, closedByEdge: 0 };
  const sockets = new Set<Socket>();
  let isStopping = false;

  function open(): void {
    const socket = connect(Number(port || 80), hostname);
    sockets.add(socket);
    socket.on('connect', () => {
      report.opened += 1;
      socket.write('GET / HTTP/1.1\r\nHost: slow\r\n');
    });
    socket.on('error', () => {}); // `close` follows, and counts
    socket.resume();
    socket.on('close', () => {
      sockets.delete(socket);
      if (isStopping) return;
      report.closedByEdge += 1;
      setTimeout(() => {
        if (!isStopping) open();
      }, 200).unref();
    });
  }

  for (let index = 0; index < count; index += 1) open();
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable && !socket.connecting) socket.write('X-Slow: 1\r\n');
  }, 2000);
  return {
    stop: () => {
      isStopping = true;
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
      return report;
    },
  };
}
