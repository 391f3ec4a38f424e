import { get } from 'node:http';
import { connect } from 'node:net';
import { messageOf } from '../host/errors.ts';
import { primaryNames } from '../plan/servers.ts';

const deadlineMs = 2_000;

/** A word of trouble, or null when the server is well. `pid` is the one that should be answering, when it is known. */
export type Check = (pid: number | null) => Promise<string | null>;

/** Writes `request` and collects what comes back until `isComplete` or the end. Deadline 2 s. */
function exchange(port: number, request: string, isComplete: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    const finish = () => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error(`no answer in ${deadlineMs} ms`)));
    socket.setEncoding('latin1');
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (isComplete(text)) finish();
    });
    socket.once('end', finish);
    socket.once('error', reject);
  });
}

const word =
  (check: Check): Check =>
  (pid) =>
    check(pid).catch(messageOf);

/**
 * Answers PING, has loaded its data, and is the process that we started. `password`: null where it asks for none.
 * It is a primary; one of several, with `hasReplicas`, may be a replica that has all that its primary tells.
 */
export function redisCheck(port: number, password: string | null, { hasReplicas = false } = {}): Check {
  return word(async (pid) => {
    const login = password === null ? '' : `AUTH ${password}\r\n`;
    const request = `${login}PING\r\nINFO server\r\nINFO replication\r\nQUIT\r\n`;
    const text = await exchange(port, request, (answer) => /\r\n\+OK\r\n$/.test(answer));
    const answers = text.split('\r\n');
    const auth = password === null ? '+OK' : answers.shift();
    const [pong] = answers;
    if (auth !== '+OK') return auth === undefined || auth === '' ? 'no answer' : auth;
    if (pong !== '+PONG') return pong === undefined || pong === '' ? 'no answer' : pong;
    const answering = Number(/^process_id:(\d+)\r?$/m.exec(text)?.[1]);
    if (pid !== null && answering !== pid) return `another Redis answers on port ${port}, process ${answering}`;
    if (!/^role:slave\r?$/m.test(text)) return null;
    if (!hasReplicas) return 'it is a replica: nothing can be written to it';
    return /^master_link_status:up\r?$/m.test(text) ? null : 'it is a replica that is not in sync with its primary';
  });
}

/** Knows both primaries, and enough other sentinels to name another one. */
export function sentinelCheck(port: number, password: string | null): Check {
  const names = Object.values(primaryNames);
  return word(async () => {
    const login = password === null ? '' : `AUTH ${password}\r\n`;
    const request = `${login}${names.map((name) => `SENTINEL CKQUORUM ${name}\r\n`).join('')}`;
    const lines = names.length + (password === null ? 0 : 1);
    const text = await exchange(port, request, (answer) => answer.split('\r\n').length > lines);
    const answers = text.split('\r\n').slice(0, lines);
    return answers.find((answer) => !answer.startsWith('+OK'))?.replace(/^-/, '') ?? null;
  });
}

/** Serves requests: `srvr`, one of the four-letter words that our configuration allows. */
export function zookeeperCheck(port: number): Check {
  return word(async () => {
    const text = await exchange(port, 'srvr', () => false);
    return /^Mode: /m.test(text) ? null : (text.trim().split('\n')[0] ?? '') || 'no answer';
  });
}

export function postgresCheck(url: string): Check {
  return word(async () => {
    const { Client } = await import('pg'); // only who asks a database needs its driver
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: deadlineMs,
      query_timeout: deadlineMs,
    });
    client.on('error', () => undefined); // A connection that breaks after its answer is of no interest.
    try {
      await client.connect();
      await client.query('SELECT 1');
      return null;
    } finally {
      await client.end().catch(() => undefined);
    }
  });
}

/** `GET` answers 200; the trouble is the first lines of what it says instead. */
export function httpCheck(url: string): Check {
  return word(
    () =>
      new Promise((resolve, reject) => {
        const request = get(url, { agent: false, timeout: deadlineMs }, (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => {
            const said = text.trim().split('\n').slice(0, 5).join('; ').slice(0, 300);
            resolve(response.statusCode === 200 ? null : `HTTP ${response.statusCode} ${said}`);
          });
          response.on('error', reject);
        });
        request.once('timeout', () => request.destroy(new Error(`no answer in ${deadlineMs} ms`)));
        request.once('error', reject);
      }),
  );
}
