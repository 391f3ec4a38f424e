import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type EdgeLine, edgeAppliedSchema } from '#contract/edge-stream.ts';

export type FakeAgent = {
  /** Sends a line and resolves with the epochs that nginx answered. */
  send(line: EdgeLine): Promise<Record<string, number>>;
  /** Resolves when nginx is connected. */
  connected(): Promise<void>;
  /** Sends a line that is answered by nothing. */
  write(text: string): void;
  /** No beats from now on. */
  fallSilent(): void;
  /** Connections that nginx has made so far. */
  connections(): number;
  stop(): Promise<void>;
};

const beatMs = 200;

/** The agent's side of contract/edge-stream.ts, without a ZooKeeper behind it: it says what the test tells it to say. */
export async function startFakeAgent(path: string): Promise<FakeAgent> {
  let socket: Socket | null = null;
  let connections = 0;
  let arrived = Promise.withResolvers<void>();
  const waiting: ((epochs: Record<string, number>) => void)[] = [];
  const server = createServer((accepted) => {
    socket?.destroy();
    socket = accepted;
    connections += 1;
    accepted.on('error', () => accepted.destroy());
    const lines = createInterface({ input: accepted });
    lines.on('error', () => accepted.destroy()); // it repeats the socket's: nginx may end while a beat is on its way
    lines.on('line', (line) => {
      waiting.shift()?.(edgeAppliedSchema.parse(JSON.parse(line)).epochs);
    });
    arrived.resolve();
    accepted.on('close', () => {
      if (socket !== accepted) return;
      socket = null;
      arrived = Promise.withResolvers();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const write = (text: string) => socket?.write(`${text}\n`);
  const beat = setInterval(() => write('{"type":"beat"}'), beatMs);

  return {
    async send(line) {
      await arrived.promise;
      const answered = Promise.withResolvers<Record<string, number>>();
      waiting.push(answered.resolve);
      write(JSON.stringify(line));
      return answered.promise;
    },
    connected: () => arrived.promise,
    write,
    fallSilent: () => clearInterval(beat),
    connections: () => connections,
    async stop() {
      clearInterval(beat);
      socket?.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
