import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { resultsFolder } from '#infra/capacity/costs.ts';
import { type SignIn, signIns } from '#infra/capacity/shopper-costs.ts';
import { stackEnvironment } from '#infra/stack/stack.ts';
import { childrenOf } from './kit/processor-time.ts';
import { startBenchStackWith } from './kit/stack.ts';
import { circumstances, table } from './kit/statistics.ts';
import { makeSale } from './queue/orders.ts';
import { answerTo } from './shopper/answers.ts';
import { type Connection, requestText } from './shopper/connection.ts';
import { closeAll, openAll } from './shopper/crowd.ts';
import { startSignIns } from './shopper/sign-ins.ts';
import { bearer, bodyOf, challengeSchema } from './shopper/way.ts';

/** Gives tickets to many users, each by a token of its own, and looks at the memory of nginx' workers at each tenth. */
export const summary = 'memory of each nginx worker while it gives tickets to 1,000,000 users, at tenths of them';

const saleId = 'office-memory';
const lanes = 64;
const tenths = 10;
/** What is flat: the last tenth's memory over the first's. */
const growthAtMost = 1.05;

/** Megabytes of a worker. `shared` is what it has touched of the memory that all workers share. */
type Memory = { pid: number; resident: number; own: number; shared: number };
type Tenth = { users: number; passedOn: { challenge: number; ticket: number }; workers: Memory[] };

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: { users: { type: 'string', default: '1000000' }, 'sign-in': { type: 'string', default: 'HS256' } },
  });
  const users = Number(values.users);
  const signIn = signIns.find((each) => each === values['sign-in']);
  if (!Number.isInteger(users) || users < tenths)
    throw new TypeError(`--users must be a whole number from ${tenths} on`);
  if (signIn === undefined) throw new TypeError(`--sign-in must be one of ${signIns.join(', ')}`);

  const signing = await startSignIns();
  try {
    const stack = await startBenchStackWith({ SECKILL_SIGN_IN_JWKS_URL: signing.jwksUrl });
    try {
      await makeSale(stack, saleId, 1000);
      const { SECKILL_SESSION_SECRET: sessionSecret = '' } = (await stackEnvironment(stack.dir)) ?? {};
      const signToken = signing.signer(sessionSecret);
      const { processes } = await stack.seckill<{ processes: { role: string; pid: number }[] }>('status');
      const edges = processes.filter(({ role }) => role === 'edge').map(({ pid }) => pid);
      const workers = edges.flatMap((pid) => childrenOf(pid));
      const url = new URL(stack.edgeUrl);
      const connections = await openAll({ url, lanes }, lanes);
      const steps: Tenth[] = [];
      for (let nth = 1; nth <= tenths; nth += 1) {
        const sofar = Math.round((users * nth) / tenths);
        const count = sofar - (steps.at(-1)?.users ?? 0);
        const passedOn = await giveTickets(url, connections, count, (userId) => signToken(signIn, userId));
        if (String(edges.flatMap((pid) => childrenOf(pid))) !== String(workers))
          throw new Error('a worker of nginx was restarted');
        steps.push({ users: sofar, passedOn, workers: await Promise.all(workers.map(memoryOf)) });
        process.stderr.write(`${sofar} users\n`);
      }
      await closeAll({ url, lanes }, connections);
      return await report(steps, { users, signIn, lanes });
    } finally {
      await stack.stop();
    }
  } finally {
    await signing.stop();
  }
}

/** A challenge and a ticket for each of some new users; how many answers a process behind nginx gave. */
async function giveTickets(
  url: URL,
  connections: readonly Connection[],
  users: number,
  signToken: (userId: string) => string,
): Promise<Tenth['passedOn']> {
  const passedOn = { challenge: 0, ticket: 0 };
  const path = (what: string) => `/api/sales/${saleId}/${what}`;
  let left = users;
  const lane = async (connection: Connection) => {
    while (left > 0) {
      left -= 1;
      const userId = `user-${randomUUID()}`;
      const headers = bearer({ userId, token: signToken(userId) });
      const asked = await connection.ask(requestText(url, { method: 'GET', path: path('challenge'), headers }));
      if (asked.status !== 200) throw new Error(`a challenge: ${asked.status} ${asked.body}`);
      const body = answerTo(challengeSchema.parse(bodyOf(asked)), 'sum', { saleId, userId, secret: '' });
      const given = await connection.ask(requestText(url, { method: 'POST', path: path('ticket'), headers, body }));
      if (given.status !== 201) throw new Error(`a ticket: ${given.status} ${given.body}`);
      if (asked.isPassedOn) passedOn.challenge += 1;
      if (given.isPassedOn) passedOn.ticket += 1;
    }
  };
  await Promise.all(connections.map(lane));
  return passedOn;
}

async function memoryOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
  return { pid, resident: megabytes('VmRSS'), own: megabytes('RssAnon'), shared: megabytes('RssShmem') };
}

async function report(
  steps: readonly Tenth[],
  settings: { users: number; signIn: SignIn; lanes: number },
): Promise<string> {
  const [first, last] = [steps[0]?.workers ?? [], steps.at(-1)?.workers ?? []];
  const growth = last.map(({ resident }, nth) => resident / (first[nth]?.resident ?? Number.NaN));
  const document = { ...(await circumstances()), settings, steps, growth, growthAtMost, loadAverage: loadavg()[0] };
  const rounded = (_key: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
  const text = `${JSON.stringify(document, rounded, 2)}\n`;
  if (settings.users >= 1_000_000) await writeFile(new URL('office-memory.json', resultsFolder), text);
  const rows = steps.flatMap(({ users, passedOn, workers }) =>
    workers.map(({ pid, resident, own, shared }) => [
      ...[String(users), String(pid), ...[resident, own, shared].map((size) => size.toFixed(1))],
      ...[String(passedOn.challenge), String(passedOn.ticket)],
    ]),
  );
  const head = ['users', 'worker', 'MB resident', 'own', 'shared', 'challenges passed on', 'tickets passed on'];
  const grown = growth.map((factor) => factor.toFixed(3)).join(', ');
  return `${table([head, ...rows])}\nthe last tenth over the first: ${grown} (flat: at most ${growthAtMost})\n`;
}
