import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import type { TicketAnswer } from '#contract/challenge.ts';
import { newOrderId } from '#contract/order.ts';
import { problemBody } from '#contract/problems.ts';
import { officeShopper } from '#lab/kits/office-shopper.ts';
import { poll } from '#lab/poll.ts';
import { edgeOffice, saleOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';
import { onCore } from './wrk.ts';

/** nginx has a core of its own where there are two; the client, and the service behind nginx, have the other. */
export const cores = cpus().length > 1 ? { edge: 0, others: 1 } : { edge: null, others: null };

export type BenchEdge = {
  edge: TestEdge;
  /** The one worker. */
  workerPid: number;
  /** Files of tickets for {@link Shot}: good ones of many users, one user's, and one with a wrong signature. */
  tickets: { many: string; one: string; forged: string };
  /** Files for {@link Shot}: users who are signed in; the same with the right answer to a challenge of theirs. */
  bearers: { asking: string; answering: string };
  stop: () => Promise<void>;
};

export const saleIds = { open: 'open-sale', soldOut: 'sold-out-sale' } as const;
const generous = 1_000_000;
const users = 2000;
const hourMs = 3_600_000;
const page = `<!doctype html><title>A sale page</title>${'<p>What a sale page says, at the length it says it.</p>'.repeat(80)}`;

/** The edge as the tests start it, with one worker on a core of its own, an nginx for a service, and bare.conf inside. */
export async function startBenchEdge(): Promise<BenchEdge> {
  let service: Awaited<ReturnType<typeof startService>> | null = null;
  const edge = await startEdge(
    { userPerSecond: generous, userBurst: generous, addressPerSecond: generous, addressBurst: generous },
    [],
    {
      values: { workers: 1 },
      launch: (line) => onCore(cores.edge, line),
      beforeStart: async (config) => {
        const dir = join(dirname(config), '..');
        service ??= await startService(join(dir, 'bench-service'));
        await addBareLocations(config, join(dir, 'pages'), service.socket);
      },
    },
  );
  const stop = async () => {
    await edge.stop();
    await service?.stop();
  };
  try {
    await edge.agent.send({
      type: 'snapshot',
      office: edgeOffice,
      sales: [saleOf(saleIds.open), saleOf(saleIds.soldOut, { state: 'sold_out' })],
    });
    const [tickets, bearers] = [await writeTickets(edge.dir), await writeBearers(edge.dir)];
    return { edge, workerPid: await onlyChild(edge.pid), tickets, bearers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** bare.conf, filled, becomes part of the public server; the service's servers become the bench's one. */
async function addBareLocations(config: string, pagesDir: string, serviceSocket: string): Promise<void> {
  const confD = join(dirname(config), 'conf.d');
  await mkdir(join(pagesDir, 'sales'), { recursive: true });
  await writeFile(join(pagesDir, 'sales', `${saleIds.open}.html`), page);
  await writeFile(join(pagesDir, 'bare.html'), page);

  const { json } = saleOf(saleIds.open);
  const places: Record<string, string> = {
    soldOut: JSON.stringify(problemBody('SOLD_OUT')),
    sale: `${json},"state":"open","now":"${new Date().toISOString()}"}`,
    page: join(pagesDir, 'bare.html'),
    challenge: JSON.stringify(shopper('shopper-1000').challenge),
    ticket: JSON.stringify(ticketAnswer()),
  };
  const template = await readFile(join(import.meta.dirname, 'bare.conf'), 'utf8');
  await writeFile(
    join(confD, 'bare.conf'),
    template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => places[name] ?? ''),
  );
  await change(
    config,
    /include conf\.d\/problems\.conf;/,
    'include conf.d/problems.conf;\n    include conf.d/bare.conf;',
  );
  await change(join(confD, 'upstreams.conf'), /server "unix:[^"]+s\.sock"[^;]*;/, `server "unix:${serviceSocket}";`);
}

async function change(path: string, what: RegExp, to: string): Promise<void> {
  const before = await readFile(path, 'utf8');
  const after = before.replace(what, to);
  if (after === before) throw new Error(`${path} has nothing like ${what.source}: the bench must follow the templates`);
  await writeFile(path, after);
}

/** An nginx that says yes to everything: the fastest service there could be, so that the filter is what one sees. */
async function startService(dir: string): Promise<{ socket: string; stop: () => Promise<void> }> {
  await mkdir(dir, { recursive: true });
  const socket = join(dir, 'service.sock');
  const yes = '{"orderId":"open-sale-01hzzzzzzzzzzzzzzzzzzzzzzz","state":"queued","place":512}';
  await writeFile(
    join(dir, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
     daemon off;
     worker_processes 1;
     pid "${dir}/nginx.pid";
     error_log "${dir}/error.log" warn;
     events { worker_connections 2048; }
     http {
       access_log off;
       keepalive_requests 1000000000;
       ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path "${dir}/${name}";`).join(' ')}
       server {
         listen "unix:${socket}";
         default_type application/json;
         location / { return 202 '${yes}'; }
       }
     }\n`,
  );
  const [command, ...args] = onCore(cores.others, [
    'nginx',
    '-e',
    join(dir, 'error.log'),
    '-c',
    join(dir, 'nginx.conf'),
  ]);
  const child = spawn(command, args, { stdio: 'inherit' });
  const ended = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  return {
    socket,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
}

async function onlyChild(pid: number): Promise<number> {
  let child = Number.NaN;
  await poll('nginx has its worker', async () => {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    child = Number.parseInt(text, 10);
    return text === '' || Number.isInteger(child); // no /proc: no figure of CPU time
  });
  return child;
}

async function writeTickets(dir: string): Promise<BenchEdge['tickets']> {
  const paths = { many: join(dir, 'many'), one: join(dir, 'one'), forged: join(dir, 'forged') };
  const expiresInMs = hourMs;
  const many = Array.from({ length: users }, (_, nth) =>
    ticketFor(saleIds.open, { userId: `shopper-${nth}`, expiresInMs }),
  );
  const forged = many.map((ticket) => ticket.replace(/[^.](?=[^.]{42}$)/, (letter) => (letter === 'A' ? 'B' : 'A')));
  await writeFile(paths.many, `${many.join('\n')}\n`);
  await writeFile(paths.one, `${many[0]}\n`);
  await writeFile(paths.forged, `${forged.join('\n')}\n`);
  return paths;
}

/** The challenge is issued an hour from now: it is good for five minutes, and the bench may take longer. */
const shopper = (userId: string) => officeShopper(saleIds.open, userId, Date.now() + hourMs);

/** What a ticket's route answers, at the length at which it does. */
function ticketAnswer(): TicketAnswer {
  const ticket = ticketFor(saleIds.open, { userId: 'shopper-1000' });
  return { ticket, orderId: newOrderId(saleIds.open, Date.now()), expiresAt: new Date().toISOString() };
}

async function writeBearers(dir: string): Promise<BenchEdge['bearers']> {
  const paths = { asking: join(dir, 'asking'), answering: join(dir, 'answering') };
  const all = Array.from({ length: users }, (_, nth) => shopper(`shopper-${1000 + nth}`));
  // wrk formats a request once: all bodies are as long as most of them.
  const lengths = Map.groupBy(all, ({ answerBody }) => answerBody.length);
  const [alike = []] = [...lengths.values()].sort((a, b) => b.length - a.length);
  await writeFile(paths.asking, `${all.map(({ authorization }) => authorization).join('\n')}\n`);
  const answers = alike.map(({ authorization, answerBody }) => `${authorization}\t${answerBody}\n`);
  await writeFile(paths.answering, answers.join(''));
  return paths;
}

/** Nanoseconds that a process has run so far; NaN where there is no /proc. */
export async function cpuNanoseconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '');
  return Number.parseInt(text, 10);
}
