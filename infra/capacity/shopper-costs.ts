import { z } from 'zod';

/** How a crowd is named: by the session secret (HS256), or by the shop's own sign-in with public keys. */
export const signIns = ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'] as const;
export type SignIn = (typeof signIns)[number];
/** What stands before a ticket: a sum, the sale's own quiz, proof of work of 16 rounds, or nothing. */
export const challengeKinds = ['sum', 'quiz', 'pow', 'none'] as const;
export type ChallengeKind = (typeof challengeKinds)[number];

/** The processes' own work at rest was taken off: what is left of nothing may be a little below 0. */
const micros = z.object({ median: z.number() }).transform(({ median }) => Math.max(0, median));
const step = z.object({ nginx: micros, gateway: micros });
const counts = z.record(z.string(), z.object({ passedOn: z.int().nonnegative() }));

/** What was all answered by the edge cost the gateway nothing: what was measured there is its own work at rest. */
function withoutRest<Steps extends Record<string, Micros | undefined>>(
  steps: Steps,
  by: z.output<typeof counts>,
): Steps {
  for (const [name, cost] of Object.entries(steps)) if (cost && by[name]?.passedOn === 0) cost.gateway = 0;
  return steps;
}

/** What plan and benchmark agree on in loadtest/results/shopper.json: µs of processor time a shopper, by step and process. */
export const shopperSchema = z
  .object({
    date: z.iso.datetime(),
    commit: z.string(),
    machine: z.object({ model: z.string(), cores: z.number() }),
    /** The same for every shopper. `signIn`: the demo sign-in; `order`: one look at an order. */
    steps: z.object({ connection: step, page: step, assets: step, sale: step, signIn: step, order: step }),
    answered: counts,
    /**
     * Each sign-in with each kind of challenge. `ticketAnew`: a ticket whose token nginx has to verify once more, because it
     * has seen too many others since the challenge; measured of each sign-in with a sum, where nginx answers.
     */
    ways: z.array(
      z
        .object({
          signIn: z.enum(signIns),
          challenge: z.enum(challengeKinds),
          steps: z.object({ challenge: step, ticket: step, press: step, ticketAnew: step.optional() }),
          answered: counts,
        })
        .transform(({ steps, answered, ...way }) => ({ ...way, steps: withoutRest(steps, answered) })),
    ),
  })
  .transform(({ steps, answered, ...result }) => ({ ...result, steps: withoutRest(steps, answered) }));

export type ShopperCosts = Pick<z.output<typeof shopperSchema>, 'steps' | 'ways'>;
/** `demo`: by HS256, and the gateway's demo sign-in makes the user. */
export type CrowdSignIn = SignIn | 'demo';
/** µs of processor time. */
export type Micros = { nginx: number; gateway: number };

/** The sign-in and challenge that `costs` do not know, if there are such. */
export function missingWay({ ways }: ShopperCosts): string | undefined {
  return signIns
    .flatMap((signIn) => challengeKinds.map((challenge) => ({ signIn, challenge })))
    .filter((way) => !ways.some(isSame(way)))
    .map(({ signIn, challenge }) => `${signIn}, ${challenge}`)[0];
}

/**
 * What one shopper costs from the first request to the ticket, everything from the edge; `costs` miss no way. In a crowd
 * nginx has forgotten the token until the answer comes: it is verified twice.
 */
export function costBeforePress(costs: ShopperCosts, signIn: CrowdSignIn, challenge: ChallengeKind): Micros {
  const signed = signIn === 'demo' ? 'HS256' : signIn;
  const way = costs.ways.find(isSame({ signIn: signed, challenge }));
  if (way === undefined) throw new Error(`no cost of ${signIn}, ${challenge}`);
  const sum = costs.ways.find(isSame({ signIn: signed, challenge: 'sum' }))?.steps;
  const again = sum?.ticketAnew === undefined ? 0 : Math.max(0, sum.ticketAnew.nginx - sum.ticket.nginx);
  const { connection, page, assets, sale, signIn: demo } = costs.steps;
  const steps = [connection, page, assets, sale, way.steps.challenge, way.steps.ticket, { nginx: again, gateway: 0 }];
  if (signIn === 'demo') steps.push(demo);
  const all = (process: keyof Micros) => steps.reduce((micros, each) => micros + each[process], 0);
  return { nginx: all('nginx'), gateway: all('gateway') };
}

const isSame =
  (way: { signIn: SignIn; challenge: ChallengeKind }) =>
  (other: { signIn: SignIn; challenge: ChallengeKind }): boolean =>
    way.signIn === other.signIn && way.challenge === other.challenge;
