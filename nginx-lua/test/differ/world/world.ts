import { randomBytes } from 'node:crypto';
import { type SaleNode, saleNodeSchema } from '#contract/sale.ts';
import type { QuizQuestion } from '#contract/sale-quiz.ts';
import type { TicketKey } from '#contract/ticket.ts';
import { sealQuiz } from '#gateway/tickets/quiz.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import type { Random } from '#lab/random.ts';
import { quizzes } from './quizzes.ts';
import { audience, issuer, type KeySet, makeKeySets } from './sign-in.ts';

/** What both sides obey at the same time, and what they obeyed before: of that the forged and the late are made. */
export type World = {
  sales: Map<string, SaleNode>;
  /** The questions of a sale with their answers, as ops wrote them. */
  quizOf: (saleId: string) => QuizQuestion[];
  challengeSecret: string;
  sessionSecret: string;
  ticketKeys: TicketKey[];
  ticketTtlMs: number;
  calmPerSecond: number;
  keySet: KeySet;
  signIn: { issuer?: string; audience?: string } | null;
  /** Secrets and keys of the time before the last changes. */
  former: { challengeSecret: string; sessionSecret: string; keySet: KeySet };
};

const minuteMs = 60_000;
const fresh = (what: string) => `${what} ${randomBytes(24).toString('base64url')}`;
const kinds: Record<string, Partial<SaleNode> & { quizName?: string; opensInMs?: number; closesInMs?: number }> = {
  sum: {},
  quiz: { quizName: 'plain' },
  'long-quiz': { quizName: 'long' },
  pow: { challenge: 'pow' },
  none: { challenge: 'none' },
  'soon-with-lead': { quizName: 'one', opensInMs: 60 * minuteMs, challengeLeadSeconds: 600 },
  'soon-within-lead': { quizName: 'one', opensInMs: 5 * minuteMs, challengeLeadSeconds: 3600 },
  'soon-sum': { opensInMs: 60 * minuteMs },
  'soon-pow': { challenge: 'pow', opensInMs: 60 * minuteMs, challengeLeadSeconds: 120 },
  draft: { state: 'draft' },
  closed: { state: 'closed' },
  paused: { state: 'paused' },
  'sold-out': { state: 'sold_out', challenge: 'none' },
  over: { opensInMs: -60 * minuteMs, closesInMs: -minuteMs },
};
export const saleIds = Object.keys(kinds);

export function createWorld(random: Random): World & { change(): string } {
  const started = Date.now();
  const keySets = makeKeySets();
  let nthSet = 0;
  let epoch = 0;
  const keySetOf = (nth: number): KeySet => {
    const found = keySets[nth % keySets.length];
    if (found === undefined) throw new Error('no key set');
    return found;
  };
  const quizNames: Record<string, string | undefined> = {};

  function newSale(saleId: string, changes: Partial<SaleNode> = {}): void {
    const { quizName, opensInMs = -minuteMs, closesInMs = 24 * 60 * minuteMs, ...node } = kinds[saleId] ?? {};
    quizNames[saleId] ??= quizName;
    const quiz = quizzes[quizNames[saleId] ?? ''];
    epoch += 1;
    const window = {
      opensAt: new Date(started + opensInMs).toISOString(),
      closesAt: new Date(started + closesInMs).toISOString(),
    };
    const sealed = quiz === undefined ? {} : { quiz: sealQuiz(world.challengeSecret, saleId, quiz) };
    const made = saleNode({ saleId, title: `Sale ${saleId}`, epoch, window, ...sealed, ...node, ...changes });
    world.sales.set(saleId, saleNodeSchema.parse(made));
  }

  const secrets = { challengeSecret: fresh('challenge secret'), sessionSecret: fresh('session secret') };
  const world: World = {
    sales: new Map(),
    quizOf: (saleId) => quizzes[quizNames[saleId] ?? ''] ?? [],
    ...secrets,
    ticketKeys: [{ id: 'k1', secret: fresh('ticket key') }],
    ticketTtlMs: 600_000,
    calmPerSecond: 1_000_000, // so that work costs the same on both sides
    keySet: keySetOf(0),
    signIn: { issuer, audience },
    former: { challengeSecret: fresh('none'), sessionSecret: fresh('none'), keySet: keySetOf(1) },
  };
  for (const saleId of saleIds) newSale(saleId);

  const changes: Record<string, () => void> = {
    'another ticket key signs': () => {
      const id = `k${world.ticketKeys.length + 1 + random.int(0, 999)}`.slice(0, 16);
      const key = { id, secret: fresh(random.chance(0.3) ? 'a key longer than a block of SHA-256'.repeat(3) : 'key') };
      world.ticketKeys = [key, ...world.ticketKeys.filter((old) => old.id !== id)].slice(0, 3);
    },
    'another challenge secret, and all quizzes sealed anew': () => {
      world.former = { ...world.former, challengeSecret: world.challengeSecret };
      world.challengeSecret = fresh('challenge secret');
      for (const saleId of saleIds) newSale(saleId);
    },
    'another session secret': () => {
      world.former = { ...world.former, sessionSecret: world.sessionSecret };
      world.sessionSecret = fresh('session secret');
    },
    'another key set': () => {
      world.former = { ...world.former, keySet: world.keySet };
      nthSet += 1;
      world.keySet = keySetOf(nthSet);
    },
    'another ticket life': () => {
      world.ticketTtlMs = random.pick([60_000, 600_000, 601_500, 3_600_000]);
    },
    'issuer and audience are others': () => {
      world.signIn = random.pick([{ issuer, audience }, { issuer, audience }, { issuer }, { audience }, {}, null]);
    },
    'another quiz': () => {
      quizNames.quiz = quizNames.quiz === 'plain' ? random.pick(['long', 'one']) : 'plain';
      newSale('quiz');
    },
    'sales in another state': () => {
      newSale('paused', { state: random.pick(['paused', 'open', 'draft']) });
      newSale('draft', { state: random.pick(['draft', 'closed', 'open']) });
      newSale('sum', { challenge: random.pick(['quiz', 'quiz', 'none']) });
    },
  };
  const names = Object.keys(changes);
  let nth = 0;
  return Object.assign(world, {
    /** One thing changes, in turn; every second time two. */
    change(): string {
      const done = names.slice(nth % names.length, (nth % names.length) + 1);
      nth += 1;
      if (random.chance(0.5)) done.push(random.pick(names));
      for (const name of done) changes[name]?.();
      return done.join('; ');
    },
  });
}
