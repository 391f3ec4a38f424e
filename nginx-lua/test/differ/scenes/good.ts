import type { Pair } from '../exchange/compare.ts';
import { answerTo, makeChallenge, questionOf } from '../world/challenges.ts';
import { challengeRequest, newShopper, type Play, type Scene, type Shopper, ticketRequest } from './scene.ts';

const given = ['sum', 'sum', 'quiz', 'long-quiz', 'none', 'soon-within-lead', 'soon-sum', 'sold-out', 'paused'];

const bodyOf = (challengeId: string, answer: string | number) => JSON.stringify({ challengeId, answer });

/** The words of an answer that are the same to the gateway and are plain enough for the edge. */
function respelled({ random }: Scene, answer: string): string {
  return random.pick([
    (text: string) => text,
    (text: string) => text.toUpperCase(),
    (text: string) => ` ${text} `,
    (text: string) => `"${text}".`,
    (text: string) => `${text}。`,
    (text: string) => text.split('').join(' '),
    (text: string) => text.replace(/[!-~]/g, (sign) => String.fromCodePoint((sign.codePointAt(0) ?? 0) + 0xfee0)),
  ])(answer);
}

async function answer(scene: Scene, shopper: Shopper, saleId: string, { edge, reference }: Pair): Promise<void> {
  const { userId, token, isSure } = shopper;
  const { world, random } = scene;
  if (edge.status !== 200 || reference.status !== 200) return;
  const sides = { edge, gateway: reference };
  for (const [who, { body }] of Object.entries(sides)) {
    const { challengeId } = questionOf(body);
    const right = answerTo(world, random, challengeId, userId);
    // Ops may have written what only Unicode's tables make the same.
    const isForEdge = isSure && /^[ -~]*$/.test(right) && !/^\d{16}/.test(right); // a number of so many digits is none
    const claim = { saleId, userId, isForEdge };
    const ask = (what: string, text: string | number) =>
      scene.ask(
        `ticket: ${what}, to a challenge of the ${who}`,
        ticketRequest(saleId, token, bodyOf(challengeId, text)),
        claim,
      );
    await ask('right answer', respelled(scene, right));
    if (random.chance(0.3)) await ask('right answer once more', right);
    if (random.chance(0.1) && /^\d+$/.test(right)) await ask('right answer as a number', Number(right));
  }
}

/** The whole way: a challenge of each side, each answered at both. */
export const wholeWay: Play = async (scene) => {
  const shopper = newShopper(scene);
  const saleId = scene.random.pick(given);
  const { userId, isSure } = shopper;
  const pair = await scene.ask('challenge: good', challengeRequest(saleId, shopper.token), {
    ...{ saleId, userId },
    isForEdge: isSure,
  });
  await answer(scene, shopper, saleId, pair);
};

/** Work as it is asked for, done for one side's challenge and shown to both. It takes a machine 60 ms. */
export const realWork: Play = async (scene) => {
  const shopper = newShopper(scene);
  const { userId, isSure } = shopper;
  const claim = { saleId: 'pow', userId, isForEdge: isSure };
  const { edge, reference } = await scene.ask('challenge: good', challengeRequest('pow', shopper.token), claim);
  if (edge.status !== 200 || reference.status !== 200) return;
  const { challengeId } = questionOf(scene.random.chance(0.5) ? edge.body : reference.body);
  const done = answerTo(scene.world, scene.random, challengeId, userId);
  await scene.ask(
    'ticket: work as it is asked for',
    ticketRequest('pow', shopper.token, bodyOf(challengeId, done)),
    claim,
  );
};

/** A challenge that was given earlier, answered rightly. */
export const earlier: Play = async (scene) => {
  const { random } = scene;
  const { userId, token, isSure } = newShopper(scene);
  const saleId = random.pick(['sum', 'quiz', 'long-quiz', 'pow', 'pow', 'none', 'paused']);
  const made = makeChallenge(scene, saleId, userId);
  const claim = { saleId, userId, isForEdge: isSure && /^[ -~]*$/.test(made.answer) };
  const asked = ticketRequest(saleId, token, bodyOf(made.challengeId, made.answer));
  if (random.chance(0.2)) asked.cut = random.next();
  await scene.ask('ticket: right answer to an earlier challenge', asked, claim);
};

/** Sales that give nothing now, or do not exist. */
export const otherStates: Play = async (scene) => {
  const { userId, token } = newShopper(scene);
  const saleId = scene.random.pick([
    'soon-with-lead',
    'soon-pow',
    'draft',
    'closed',
    'over',
    'paused',
    'none-such',
    'a',
  ]);
  const claim = { saleId, userId };
  await scene.ask('challenge: any state of a sale', challengeRequest(saleId, token), claim);
  const { challengeId, answer: right } = makeChallenge(scene, saleId, userId);
  await scene.ask('ticket: any state of a sale', ticketRequest(saleId, token, bodyOf(challengeId, right)), claim);
};

/** What a shopper of this time has in hand, to be shown again in the next. */
export type Kept = { saleId: string; userId: string; token: string; challengeId: string; answer: string };

export function keep(scene: Omit<Scene, 'ask'>): Kept[] {
  return Array.from({ length: 8 }, () => {
    const { userId, token } = newShopper(scene);
    const saleId = scene.random.pick(['sum', 'quiz', 'none', 'pow']);
    return { saleId, userId, token, ...makeChallenge(scene, saleId, userId) };
  });
}

/** Shown while it is good, so that the edge may remember it, and again when something else counts. */
export async function show(scene: Scene, kept: readonly Kept[], when: string): Promise<void> {
  for (const { saleId, userId, token, challengeId, answer } of kept) {
    await scene.ask(`challenge: kept, ${when}`, challengeRequest(saleId, token), { saleId, userId });
    const asked = ticketRequest(saleId, token, bodyOf(challengeId, answer));
    await scene.ask(`ticket: kept, ${when}`, asked, { saleId, userId });
  }
}
