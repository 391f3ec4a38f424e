import { createHash } from 'node:crypto';
import { z } from 'zod';

const chance = z.number().min(0, 'must be 0 to 1').max(1, 'must be 0 to 1');
const ms = z.int().min(0).max(86_400_000);

/** What the shopper has to do: nothing, or act on the sandbox's own page, which a redirect or a QR code leads to. */
const interactions = ['none', 'redirect', 'qr'] as const;
export type Interaction = (typeof interactions)[number];

/** How the sandbox treats a payment and its refund. Chances are 0 (never) to 1 (always). */
const behaviourFields = {
  /** But for `none` the payment stays pending until its shopper has acted on the page, or its time is over. */
  interaction: z.enum(interactions).default('none'),
  /** Time until a payment or a refund has gone through. */
  settleAfterMs: ms.default(100),
  /** The payment fails. */
  decline: chance.default(0),
  /** The payment stays pending: until it expires, or is settled by hand. */
  linger: chance.default(0),
  /** A payment cannot be ended: it can be paid still when its order has ended. */
  unendable: chance.default(0),
  /** A request is answered after `slowMs`. */
  slow: chance.default(0),
  slowMs: ms.default(2000),
  /** A request is answered 503, and nothing was done. */
  unavailable: chance.default(0),
  /** A request is carried out, and then answered 500: the answer is lost. */
  answerLost: chance.default(0),
  /** A request is never answered; nothing was done. */
  hang: chance.default(0),
  /** A webhook is never sent. */
  webhookLost: chance.default(0),
  /** A webhook is sent `webhookTimes` times at once. */
  webhookRepeated: chance.default(0),
  webhookTimes: z.int().min(2).max(1000).default(3),
  /** A webhook is held back for up to `webhookLateMs`, so that later ones overtake it. */
  webhookLate: chance.default(0),
  webhookLateMs: ms.default(1500),
};

/** A rule is for the payments that match all it names; the first rule that matches overrides what holds for all. */
const ruleSchema = z.strictObject({
  amount: z.int().optional(),
  orderStartsWith: z.string().optional(),
  behaviour: z.strictObject(
    Object.fromEntries(Object.entries(behaviourFields).map(([name, field]) => [name, field.unwrap().optional()])) as {
      [Name in keyof typeof behaviourFields]: z.ZodOptional<ReturnType<(typeof behaviourFields)[Name]['unwrap']>>;
    }, // each field has a default
  ),
});

/** `PUT /sandbox/behaviour`: all of it; what is left out is as good as it gets. The same seed, the same fate. */
export const behaviourSchema = z.strictObject({
  ...behaviourFields,
  seed: z.int().default(1),
  rules: z.array(ruleSchema).max(100).default([]),
});
export type Behaviour = z.infer<typeof behaviourSchema>;
export type Chance = {
  [Name in keyof Behaviour]: Behaviour[Name] extends number ? Name : never;
}[keyof Behaviour];

/** What holds for one payment. */
export function behaviourFor(behaviour: Behaviour, payment: { amount: number; order: string }): Behaviour {
  const rule = behaviour.rules.find(
    ({ amount, orderStartsWith }) =>
      (amount === undefined || amount === payment.amount) && payment.order.startsWith(orderStartsWith ?? ''),
  );
  const own = Object.entries(rule?.behaviour ?? {}).filter(([, value]) => value !== undefined);
  return { ...behaviour, ...Object.fromEntries(own) };
}

/** A number from 0 up to 1 that follows from the seed and what is asked: whether it comes first or last is all the same. */
export function draw({ seed }: Behaviour, ...about: readonly (string | number)[]): number {
  return (
    createHash('sha256')
      .update([seed, ...about].join('\0'))
      .digest()
      .readUInt32BE() /
    2 ** 32
  );
}
