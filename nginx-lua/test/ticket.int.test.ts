import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { checkTicket, signTicket } from '#contract/ticket.ts';
import { buy, saleOf, startEdge, type TestEdge, ticketFor, ticketKeys } from '#lab/servers/edge.ts';

let edge: TestEdge;
/** However slow the machine is: no ticket expires while the test runs. */
const hourMs = 3_600_000;

beforeAll(async () => {
  edge = await startEdge({ userPerSecond: 100_000, userBurst: 100_000 });
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('twin')] });
});
afterAll(() => edge.stop());

/** What the contract says of a ticket, in the words of the edge's answer. */
function byContract(text: string): string {
  const check = checkTicket(text, ticketKeys, Date.now());
  if (check.kind === 'expired') return 'TICKET_EXPIRED';
  return check.kind === 'valid' && check.ticket.saleId === 'twin' ? 'passed' : 'TICKET_INVALID';
}

async function byEdge(text: string): Promise<string> {
  const { status, text: body } = await buy(edge, 'twin', { 'seckill-ticket': text });
  return status === 202 ? 'passed' : JSON.parse(body).code;
}

/** A signature is as good as the text before it: also for texts that signTicket would never write. */
function signed(orderId: string, userId: string, expiresAtMs = Date.now() + hourMs): string {
  return signTicket({ orderId, userId, expiresAtMs }, ticketKeys);
}

/** Text that signTicket could not write at all, with a good signature of a live key. */
function signedText(text: string): string {
  const [key] = ticketKeys;
  return `${text}.${createHmac('sha256', key?.secret ?? '')
    .update(text)
    .digest('base64url')}`;
}

test('the edge and the contract judge every ticket alike: real, cut, changed in one place, oddly made', async () => {
  const real = ticketFor('twin', { userId: 'someone', expiresInMs: hourMs });
  const ulid = newOrderId('twin', Date.now()).slice(-26);
  const texts = [
    ...['', '1', '1.k2', '1.k2.', '1.k2.x', '1.k2....', '1.k2.4102444800', '1.k2.4102444800.', '1.k2.4102444800.-'],
    ...['', '.', '.u', '.uu', '.uu.uu', '..uu', '.u u', '.ü'].map((end) => `1.k2.4102444800.twin-${ulid}${end}`),
    ...['0x00000000', '1e9       ', '-100000000', ' 410244480', '4102444800.', '410244480'].map(
      (expires) => `1.k2.${expires}.twin-${ulid}.uu`,
    ),
    ...['2.k2', '1k2', '1.K2', '1.k9', '.1.k2'].map((start) => `${start}.4102444800.twin-${ulid}.uu`),
    `1.k2.4102444800.${ulid}.uu`,
    `1.k2.4102444800.-${ulid}.uu`,
    `1.k2.4102444800.twin.twin-${ulid}.uu`,
  ];
  const tickets = [
    real,
    ticketFor('twin', { expiresInMs: -1000 }),
    ticketFor('twin', { userId: 'ü 手机 :.', expiresInMs: hourMs }),
    ticketFor('twin', { userId: 'x'.repeat(128), expiresInMs: hourMs }),
    ticketFor('twin', { userId: 'x'.repeat(200), expiresInMs: hourMs }),
    ticketFor('twin-2', { expiresInMs: hourMs }),
    signed(`win-${ulid}`, 'u'),
    signed(`-twin-${ulid}`, 'u'),
    signed(`twin${ulid}`, 'u'),
    signed(`twin-${ulid.slice(1)}i`, 'u'),
    signed(`twin-${ulid.slice(1)}`, 'u'),
    signed(`twin-${ulid}`, ''),
    signed(`twin-${ulid}`, 'u', 5_000),
    signed(`twin-${ulid}`, 'u', 99_999_999_999_000),
    ...texts.map(signedText),
    ...ticketKeys.map((key) => ticketFor('twin', { keys: [key], expiresInMs: hourMs })),
    `${real}x`,
    `${real}.x`,
    `2${real.slice(1)}`,
    '1',
    '.....',
    'x'.repeat(600),
  ];
  for (let place = 0; place < real.length; place += 1) {
    tickets.push(real.slice(0, place));
    for (const letter of 'aZ0-_.=') tickets.push(`${real.slice(0, place)}${letter}${real.slice(place + 1)}`);
  }
  // No header is no ticket: that is TICKET_MISSING, and not a matter of its shape.
  const all = tickets.filter((text) => text !== '');
  const verdicts = new Set<string>();
  const left = all.values();
  const judge = async () => {
    for (const text of left) {
      const verdict = byContract(text);
      verdicts.add(verdict);
      expect({ text, verdict: await byEdge(text) }).toEqual({ text, verdict });
    }
  };
  await Promise.all(Array.from({ length: 16 }, judge));
  expect([...verdicts].sort()).toEqual(['TICKET_EXPIRED', 'TICKET_INVALID', 'passed']);
});
