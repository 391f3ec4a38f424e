import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type EdgeApplied, type EdgeLine, edgeAnswerSchema } from '#contract/edge-stream.ts';

export type FakeAgent = {
  /** Sends a line and resolves with the epochs that nginx answered; once more where its connection ended first. */
  send(line: EdgeLine): Promise<Record<string, number>>;
  /** The same, with all that nginx answered. */
  sendAll(line: EdgeLine): Promise<EdgeApplied>;
  /** Resolves when nginx is connected. */
  connected(): Promise<void>;
  /** Sends a line that is answered by nothing. */
  write(text: string): void;
  /** Sends these bytes, which may be half a line, and ends the connection; nginx comes back by itself. */
  cut(text: string): void;
  /** Beats that nginx has answered so far. */
  beats(): number;
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
  let beats = 0;
  let arrived = Promise.withResolvers<void>();
  const waiting: { text: string; answered: (applied: EdgeApplied) => void }[] = [];
  const write = (text: string) => socket?.write(`${text}\n`);
  const server = createServer((accepted) => {
    socket?.destroy();
    socket = accepted;
    connections += 1;
    accepted.on('error', () => accepted.destroy());
    const lines = createInterface({ input: accepted });
    lines.on('error', () => accepted.destroy()); // it repeats the socket's: nginx may end while a beat is on its way
    lines.on('line', (line) => {
      if (socket !== accepted) return; // said once more on the next connection
      const answer = edgeAnswerSchema.parse(JSON.parse(line));
      if (answer.type === 'applied') waiting.shift()?.answered(answer);
      else beats += 1;
    });
    for (const { text } of waiting) write(text);
    arrived.resolve();
    accepted.on('close', () => {
      if (socket !== accepted) return;
      socket = null;
      arrived = Promise.withResolvers();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const sendAll = async (line: EdgeLine) => {
    await arrived.promise;
    const answered = Promise.withResolvers<EdgeApplied>();
    const text = JSON.stringify(line);
    waiting.push({ text, answered: answered.resolve });
    write(text);
    return answered.promise;
  };
  const beat = setInterval(() => write('{"type":"beat"}'), beatMs);

  return {
    send: async (line) => (await sendAll(line)).epochs,
    sendAll,
    beats: () => beats,
    connected: () => arrived.promise,
    write,
    cut: (text) => void socket?.end(text),
    fallSilent: () => clearInterval(beat),
    connections: () => connections,
    async stop() {
      clearInterval(beat);
      socket?.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
