import type { Random } from '#lab/random.ts';
import type { Pair } from '../exchange/compare.ts';
import type { Asked } from '../exchange/request.ts';
import { byHmac, byKey, headerOfKey, tokenOf } from '../world/jwt.ts';
import type { World } from '../world/world.ts';

/** What is known of a request besides its bytes. `isForEdge`: an edge with its stream must answer this by itself. */
export type Claim = { saleId: string; userId: string | null; isForEdge?: boolean };

/** One story of one shopper, who is in no other story; what it asks goes to both, and both answers are compared. */
export type Scene = {
  nth: number;
  random: Random;
  world: World;
  /** `what`: the kind under which it is counted. */
  ask(what: string, asked: Asked, claim: Claim): Promise<Pair>;
};
export type Play = (scene: Scene) => Promise<void>;

/** `isSure`: an edge that has its stream must know the bearer by itself. */
export type Shopper = { userId: string; token: string; isSure: boolean };

export const claimsOf = (userId: string, seconds = 3600) => ({
  sub: userId,
  iss: 'https://shop.example',
  aud: 'seckill',
  exp: Math.floor(Date.now() / 1000) + seconds,
});

/** What the edge takes for a user's id without Unicode's tables. */
const isPlain = (userId: string) => /^[ -~\u4e00-\u9fff]+$/.test(userId);

export function newUserId({ random, nth }: Pick<Scene, 'random' | 'nth'>): string {
  const name = `${nth.toString(36)}${random.int(0, 1e9).toString(36)}`;
  if (random.chance(0.7)) return `user-${name}`;
  const odd = random.pick([
    `mail+${name}@example.org`,
    `Ада ${name}`,
    `买家${name}`,
    `"${name}"\\/`,
    `😀${name}👩‍👩‍👧`,
    `a.b.${name}.`,
    `e\u0301${name}`,
    name.padEnd(128, 'x'),
    `${'é'.repeat(40)}${name}`,
  ]);
  return odd;
}

/** Signed in by our secret or by a key of the shop's set, as most are. */
export function newShopper(scene: Omit<Scene, 'ask'>): Shopper {
  const { random, world } = scene;
  const userId = newUserId(scene);
  if (random.chance(0.5) || world.signIn === null) {
    const { sub, exp } = claimsOf(userId);
    const iat = exp - 3600;
    return {
      userId,
      token: signed({ alg: 'HS256', typ: 'JWT' }, { sub, iat, exp }, world.sessionSecret),
      isSure: isPlain(userId),
    };
  }
  const key = random.pick(world.keySet.signing);
  const token = tokenOf(headerOfKey(key), JSON.stringify(claimsOf(userId)), byKey(key));
  return { userId, token, isSure: world.keySet.isSound && isPlain(userId) };
}

const signed = (header: object, claims: object, secret: string) =>
  tokenOf(JSON.stringify(header), JSON.stringify(claims), byHmac(secret));

export const challengeRequest = (saleId: string, token: string): Asked => ({
  method: 'GET',
  target: `/api/sales/${saleId}/challenge`,
  headers: [['Authorization', `Bearer ${token}`]],
  body: null,
});

export const ticketRequest = (saleId: string, token: string, body: string | Buffer): Asked => ({
  method: 'POST',
  target: `/api/sales/${saleId}/ticket`,
  headers: [
    ['Authorization', `Bearer ${token}`],
    ['Content-Type', 'application/json'],
  ],
  body: Buffer.from(body),
});
