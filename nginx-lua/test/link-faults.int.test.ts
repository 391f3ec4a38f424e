import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { pongFrame } from '#contract/purchase-frames.ts';
import { poll } from '#lab/poll.ts';
import {
  buy,
  type EdgeAnswer,
  refusal,
  retryAfter,
  saleOf,
  seenOf,
  startEdge,
  type TestEdge,
  ticketFor,
} from '#lab/servers/edge.ts';
import { type LinkedService, startLinkedService } from '#lab/servers/linked-service.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

const workers = 2;
const generous = { userPerSecond: 100_000, userBurst: 100_000, inFlight: 8000 };
const unavailable = refusal('UNAVAILABLE');

let edge: TestEdge;
let [first, second]: LinkedService[] = [];
let paths: [string, string];
const both = () => [first, second].filter((it) => it !== undefined);
const asked = () => both().flatMap((service) => service.asked);
const linked = (...services: LinkedService[]) =>
  poll('each worker has its links', () => services.every(({ links }) => links.size === workers));
const linksAre = (count: number) =>
  poll(`${count} links are counted`, async () =>
    (await edge.metrics()).includes(`\nseckill_edge_service_links ${count}\n`),
  );
const lines = async () => (await readFile(join(edge.dir, 'nginx/error.log'), 'utf8')).split('\n');
const crowd = (count: number) => Array.from({ length: count }, () => buy(edge, 'open'));
const never: LinkedService['answer'] = () => undefined;

beforeAll(async () => {
  const path = join(temporaryDirectory('edge'), 'second.sock');
  edge = await startEdge(generous, [path], { values: { connectionsPerAddress: 8000, serverConnections: 8000 } });
  paths = [join(edge.dir, 's.sock'), path];
  await edge.service.stop();
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  first = await startLinkedService(paths[0]);
  second = await startLinkedService(paths[1]);
});
afterAll(async () => {
  await edge.stop();
  await Promise.all(both().map((service) => service.stop()));
});
beforeEach(async () => {
  for (const service of both()) service.asked.length = 0;
  await linked(...both());
});
/** No purchase reached a service twice, whichever. */
const noneTwice = () => {
  const tickets = asked().map(({ ticket }) => ticket);
  expect(new Set(tickets).size).toBe(tickets.length);
};

test('a frozen service is asked no more after two looks, loses its link and its purchases are UNAVAILABLE; what it says later reaches no shopper (I5)', async () => {
  const [frozen, other] = both();
  if (!frozen || !other) throw new Error('two services');
  frozen.isSilent = true;
  const old = [...frozen.links];
  const stuck = crowd(40);
  await poll('some are stuck', () => asked().length === 40 && frozen.asked.length > 4);
  const stuckHere = frozen.asked.length;
  await poll('both workers have looked twice', () => old.every((link) => (frozen.unanswered.get(link) ?? 0) >= 2));
  // More at a time than the frozen one owes: only its silence keeps them from it.
  const held: (() => void)[] = [];
  other.answer = (_, answer) => void held.push(answer);
  const more = crowd(100);
  await poll('all have come to the other', () => held.length === 100);
  expect(frozen.asked).toHaveLength(stuckHere);
  for (const answer of held) answer();
  other.answer = (_, answer) => answer();
  expect((await Promise.all(more)).map(({ status }) => status)).toEqual(Array(100).fill(202));

  const answers = await Promise.all(stuck);
  const failed = answers.filter(({ status }) => status !== 202);
  expect(failed).toHaveLength(stuckHere);
  for (const answer of failed) expect([seenOf(answer), retryAfter(answer)]).toEqual([unavailable, 1]);
  await poll('its links are gone', () => old.every((link) => !frozen.links.has(link)));
  await linksAre(workers);
  frozen.isSilent = false;
  await linked(frozen);
  expect((await Promise.all(crowd(20))).map(({ status }) => status)).toEqual(Array(20).fill(202));
  noneTwice();
});

test('purchases under way with a service that is killed are UNAVAILABLE, and their repeats go to the other (I5)', async () => {
  const [killed, other] = both();
  if (!killed || !other) throw new Error('two services');
  killed.answer = never;
  const bought = Array.from({ length: 40 }, () => ticketFor('open'));
  const press = (ticket: string) => buy(edge, 'open', { 'seckill-ticket': ticket });
  const answers = bought.map(press);
  await poll('all have come', () => asked().length === 40);
  expect(killed.asked.length).toBeGreaterThan(4);
  await killed.stop();
  const failed = (await Promise.all(answers)).flatMap((answer, nth) =>
    answer.status === 202 ? [] : [{ answer, nth }],
  );
  expect(failed.map(({ nth }) => bought[nth]).sort()).toEqual(killed.asked.map(({ ticket }) => ticket).sort());
  for (const { answer } of failed) expect([seenOf(answer), retryAfter(answer)]).toEqual([unavailable, 1]);
  noneTwice();
  const before = other.asked.length;
  const repeats = await Promise.all(failed.map(({ nth }) => press(bought[nth] ?? '')));
  expect(repeats.map(({ status }) => status)).toEqual(failed.map(() => 202));
  expect(other.asked.length - before).toBe(failed.length);
  first = await startLinkedService(paths[0]);
  await linked(first);
});

/** Purchases until the links of `service`, which are not read, leave no room: the answers to come, by ticket. */
async function fill(service: LinkedService): Promise<Map<string, Promise<EdgeAnswer>>> {
  const begun = new Map<string, Promise<EdgeAnswer>>();
  let isFull = false;
  await poll('it is full', async () => {
    for (const link of service.links) link.pause().write(pongFrame, 'latin1'); // not silent
    for (let nth = 0; nth < 100; nth += 1) {
      const ticket = ticketFor('open', { userId: `u${begun.size}-${'x'.repeat(100)}` });
      const answer = buy(edge, 'open', { 'seckill-ticket': ticket });
      begun.set(ticket, answer);
      void answer.then(({ text }) => {
        isFull ||= text.includes('"BUSY"');
      });
    }
    await new Promise(setImmediate);
    return isFull;
  });
  return begun;
}

test('a service that reads nothing fills its links until shoppers are told BUSY; what was not sent goes to another, and it goes on when it reads', async () => {
  await second?.stop();
  second = undefined;
  await linksAre(workers);
  const [service] = both();
  const [ending] = service?.links ?? [];
  if (!service || !ending) throw new Error('a service');
  const begun = await fill(service);
  const other = await startLinkedService(paths[1]);
  second = other;
  await linked(other);
  ending.destroy();
  await poll('the other has what was not sent', () => other.asked.length > 0);
  for (const link of service.links) link.resume();
  const codes = new Map<string, string>();
  for (const [ticket, answer] of begun) {
    const { status, text } = await answer;
    codes.set(ticket, status === 202 ? 'yes' : JSON.parse(text).code);
  }
  expect(new Set(codes.values())).toEqual(new Set(['yes', 'BUSY', 'UNAVAILABLE']));
  for (const { ticket } of other.asked) expect(codes.get(ticket)).toBe('yes');
  const reached = new Set(asked().map(({ ticket }) => ticket));
  for (const [ticket, code] of codes) if (code !== 'UNAVAILABLE') expect(reached.has(ticket)).toBe(code === 'yes');
  noneTwice();
  await linked(service);
  expect((await Promise.all(crowd(20))).map(({ status }) => status)).toEqual(Array(20).fill(202));
});

test('without any service purchases are UNAVAILABLE, and the log has a line when one goes and one when it is back', async () => {
  const before = (await lines()).length - 1;
  await Promise.all(both().map((service) => service.stop()));
  await linksAre(0);
  const answer = await buy(edge, 'open');
  expect([seenOf(answer), retryAfter(answer)]).toEqual([unavailable, 1]);
  const since = performance.now();
  await poll('they are asked for links several times', () => performance.now() - since > 1200);
  const ofPath = async () => (await lines()).slice(before).filter((line) => line.includes('link to'));
  expect((await ofPath()).length).toBe(2 * workers);
  [first, second] = await Promise.all(paths.map(startLinkedService));
  await linked(...both());
  await linksAre(2 * workers);
  expect((await ofPath()).filter((line) => line.includes(' is back'))).toHaveLength(2 * workers);
  const refused = (line: string) => line.includes('connect()') && !line.includes('request:');
  expect((await lines()).slice(before).filter(refused)).toEqual([]);
});
