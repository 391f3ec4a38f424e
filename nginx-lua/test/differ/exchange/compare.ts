import { type Challenge, challengeSchema, type TicketAnswer, ticketAnswerSchema } from '#contract/challenge.ts';
import { saleIdOfOrder } from '#contract/order.ts';
import type { SaleNode } from '#contract/sale.ts';
import { signTicket } from '#contract/ticket.ts';
import { signatureOf } from '../world/challenges.ts';
import type { World } from '../world/world.ts';
import { type Answer, headerOf } from './line.ts';

/** Two answers to one request, and when it was sent and the later one had come. */
export type Pair = { edge: Answer; reference: Answer; sentMs: number; answeredMs: number };
/** Of whom and what a request speaks: `userId` null where no user can be named. */
export type About = { saleId: string; userId: string | null; isHead: boolean };

/** What the edge adds of its own, and what each hop has for itself. */
const own = ['date', 'connection', 'keep-alive', 'server', 'x-request-id', 'x-content-type-options'];
/** A clock is read at two places, and a worker's is as old as the round of events that it works on. */
const slackMs = 10_000;

/** What differs between the answers of the edge and of the gateway, or is wrong with both; null when nothing is. */
export function differenceOf(pair: Pair, about: About, world: World): string | null {
  const { edge, reference } = pair;
  if (edge.status !== reference.status)
    return `status ${edge.status}: ${show(edge)}, and ${reference.status} of the gateway: ${show(reference)}`;
  if (edge.status === 0) return null; // both hung up
  if (headerOf(edge, 'x-content-type-options') !== 'nosniff') return 'no nosniff';
  const judged = edge.status === 200 ? challengeFault : edge.status === 201 ? ticketFault : null;
  // A challenge is as long as what was drawn; an answer to HEAD need not tell its length (RFC 9110, 8.6).
  const inHeaders = headerDifference(pair, judged === challengeFault || about.isHead);
  if (inHeaders !== null || about.isHead) return inHeaders;
  if (judged === null)
    return edge.body.equals(reference.body) ? null : `body ${show(edge)}, and ${show(reference)} of the gateway`;
  for (const [who, answer] of Object.entries({ edge, gateway: reference })) {
    const length = Number(headerOf(answer, 'content-length') ?? Number.NaN);
    if (length !== answer.body.length) return `content-length ${length} of ${answer.body.length} bytes from the ${who}`;
    const fault = judged(answer, about, world, pair);
    if (fault !== null) return `${fault}, from the ${who}: ${show(answer)}`;
  }
  return judged === ticketFault && orderIdOf(edge) !== orderIdOf(reference)
    ? `order ${orderIdOf(edge)}, and ${orderIdOf(reference)} of the gateway`
    : null;
}

const show = ({ body }: Answer) => JSON.stringify(body.toString('latin1').slice(0, 300));
const orderIdOf = ({ body }: Answer) => (JSON.parse(body.toString()) as TicketAnswer).orderId;

function headerDifference({ edge, reference, sentMs, answeredMs }: Pair, isOfAnyLength: boolean): string | null {
  const [ours, theirs] = [edge, reference].map((answer) => {
    const retryAfter = headerOf(answer, 'retry-after');
    const all = answer.headers.filter(
      ([name]) => !own.includes(name) && name !== 'retry-after' && !(isOfAnyLength && name === 'content-length'),
    );
    return { retryAfter, text: JSON.stringify(all.sort(([a], [b]) => (a < b ? -1 : 1))) };
  });
  if (ours?.text !== theirs?.text) return `headers ${ours?.text}, and ${theirs?.text} of the gateway`;
  const [waitHere, waitThere] = [ours?.retryAfter ?? null, theirs?.retryAfter ?? null];
  if (waitHere === waitThere) return null;
  // The same moment, told at two moments.
  const apart = Math.abs(Number(waitHere) - Number(waitThere));
  const isTold = waitHere !== null && waitThere !== null;
  return isTold && apart <= 2 + (answeredMs - sentMs) / 1000
    ? null
    : `retry-after ${waitHere}, and ${waitThere} of the gateway`;
}

type Fault = (answer: Answer, about: About, world: World, when: Pick<Pair, 'sentMs' | 'answeredMs'>) => string | null;
const isWithin = (ms: number, { sentMs, answeredMs }: Pick<Pair, 'sentMs' | 'answeredMs'>) =>
  ms >= sentMs - slackMs && ms <= answeredMs + slackMs;

/** A challenge must be the gateway's to the byte, but for what was drawn and when. */
const challengeFault: Fault = ({ body }, { saleId, userId }, world, when) => {
  const sale = world.sales.get(saleId);
  const parsed = challengeSchema.safeParse(JSON.parse(body.toString()));
  if (sale === undefined || userId === null || !parsed.success)
    return 'a challenge for no sale, no user, or none at all';
  const [ofSale, asked = '', issued = '', nonce = '', signature] = parsed.data.challengeId.split('.');
  const issuedMs = Number.parseInt(issued, 36);
  if (ofSale !== saleId || issuedMs.toString(36) !== issued || !isWithin(issuedMs, when)) return 'another sale or time';
  if (!/^[A-Za-z0-9_-]{8}$/.test(nonce)) return 'an odd nonce';
  const text = `${saleId}.${asked}.${issued}.${nonce}`;
  if (signatureOf(world.challengeSecret, text, userId) !== signature) return 'not signed for this user';
  const said = wordsFor(sale, asked);
  if (said === null) return 'a question that this sale does not ask';
  const expected: Challenge = {
    challengeId: parsed.data.challengeId,
    kind: sale.challenge,
    question: said.questions.en,
    questions: said.questions,
    expiresAt: new Date(issuedMs + 300_000).toISOString(),
    ...(said.work === undefined ? {} : { work: said.work }),
  };
  return JSON.stringify(expected) === body.toString() ? null : 'not the words of the gateway';
};

/** What a challenge of this sale says when this was drawn for it; null when it cannot be. */
function wordsFor(sale: SaleNode, asked: string): Pick<Challenge, 'questions' | 'work'> | null {
  const [kind, ...numbers] = asked.split('-');
  const [a = 0, b = 0] = numbers.map(Number);
  if (sale.challenge === 'none') return asked === 'n' ? { questions: { en: '' } } : null;
  if (sale.challenge === 'pow') {
    if (kind !== 'p' || a !== 16 || b < 12 || b > 17) return null;
    const en = `Find 16 nonces, "n0,n1,…", so that SHA-256("<challengeId>.<userId>.<round>.<nonce>") of each begins with ${b} zero bits.`;
    return { questions: { en }, work: { rounds: 16, bits: b } };
  }
  if (sale.quiz !== undefined && sale.quiz.length > 0) {
    const question = sale.quiz[a]?.question;
    return kind !== 'q' || numbers.length !== 1 || question === undefined ? null : { questions: question };
  }
  if (kind !== 's' || ![a, b].every((summand) => summand >= 2 && summand < 20)) return null;
  return { questions: { en: `What is ${a} + ${b}?`, zh: `${a} + ${b} 等于多少？` } };
}

/** A ticket must be what signTicket of the contract makes of the order, the user and the expiry that it names. */
const ticketFault: Fault = ({ body }, { saleId, userId }, world, when) => {
  const parsed = ticketAnswerSchema.safeParse(JSON.parse(body.toString()));
  if (userId === null || !parsed.success) return 'a ticket for no user, or none at all';
  const { orderId, expiresAt } = parsed.data;
  const expiresAtMs = Date.parse(expiresAt);
  if (saleIdOfOrder(orderId) !== saleId) return 'a ticket for another sale';
  if (!isWithin(expiresAtMs - world.ticketTtlMs, when)) return 'a ticket of another life';
  const ticket = signTicket({ orderId, userId, expiresAtMs }, world.ticketKeys);
  return JSON.stringify({ ticket, orderId, expiresAt: new Date(expiresAtMs).toISOString() }) === body.toString()
    ? null
    : 'not what the contract signs';
};
