import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { Random } from '#lab/random.ts';
import { makeChallenge } from '../world/challenges.ts';
import { byHmac, byKey, headerOfKey, type SignInKey, tokenOf } from '../world/jwt.ts';
import { challengeRequest, claimsOf, newUserId, type Play, type Scene, ticketRequest } from './scene.ts';

const stranger = {
  EdDSA: generateKeyPairSync('ed25519').privateKey,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

/** By which a token is signed, and what its header says then: our secret or a key of the shop's. */
type Hand = { header: Record<string, unknown>; sign: (text: string) => Buffer; key: SignInKey | null };

function handOf({ random, world }: Scene): Hand {
  if (random.chance(0.5)) return { header: { alg: 'HS256', typ: 'JWT' }, sign: byHmac(world.sessionSecret), key: null };
  const key = random.pick(random.chance(0.8) ? world.keySet.signing : world.former.keySet.signing);
  return { header: JSON.parse(headerOfKey(key)) as Record<string, unknown>, sign: byKey(key), key };
}

/** What a payload may say, as it is written; `sub` stands first. Times are far enough from now to be judged by two clocks. */
function payloads(random: Random, userId: string): string {
  const { sub, iss, aud, exp } = claimsOf(userId);
  const now = Math.floor(Date.now() / 1000);
  const all = { sub, iss, aud, exp };
  const json = (changes: Record<string, unknown>) => JSON.stringify({ ...all, ...changes });
  const raw = (name: string, text: string) => json({ [name]: '@' }).replace('"@"', text);
  return random.pick([
    () =>
      json(
        random.pick([
          { exp: now - 20 },
          { exp: now - 3600 },
          { exp: 0 },
          { exp: -1 },
          { exp: now + 60.5 },
          { exp: 1e15 },
          { exp: String(exp) },
          { exp: null },
          { exp: undefined },
          { exp: [exp] },
        ]),
      ),
    () =>
      raw(
        'exp',
        random.pick([
          '1e400',
          '-1e400',
          '1e10',
          '99999999999999999999',
          '1E+10',
          '0.1e11',
          '-0',
          '1e-5',
          '00',
          '1.',
          'true',
          '{}',
        ]),
      ),
    () =>
      json(
        random.pick([
          { nbf: now - 10 },
          { nbf: now + 60 },
          { nbf: now + 1e9 },
          { nbf: 'x' },
          { nbf: null },
          { nbf: now - 0.5 },
          { nbf: 0 },
        ]),
      ),
    () =>
      json(
        random.pick([
          { iss: 'https://elsewhere.example' },
          { iss: undefined },
          { iss: [iss] },
          { iss: `${iss}/` },
          { iss: null },
          { iss: 'HTTPS://shop.example' },
        ]),
      ),
    () =>
      json(
        random.pick([
          { aud: [aud] },
          { aud: ['other', aud] },
          { aud: [] },
          { aud: undefined },
          { aud: [[aud]] },
          { aud: ['other'] },
          { aud: { seckill: 1 } },
          { aud: `${aud}x` },
          { aud: null },
          { aud: [aud, 1, null] },
        ]),
      ),
    () =>
      json(
        random.pick([
          { sub: '' },
          { sub: undefined },
          { sub: 7 },
          { sub: null },
          { sub: ['x'] },
          { sub: ' ' },
          { sub: 'x'.repeat(129) },
          { sub: 'é'.repeat(64) },
          { sub: 'é'.repeat(65) },
          { sub: '\u200b' },
          { sub: 'a\u0000b' },
          { sub: 'a\nb' },
          { sub: 'a\u202eb' },
          { sub: '\ud800' },
          { sub: 'a\ufffd' },
          { sub: '\u2800' },
          { sub: 'a\u200db' },
          { sub: '\u00ad' },
          { sub: '\u3164' },
          { sub: '\u{e0001}a' },
          { sub: 'a\u0085' },
          { sub: '\u0301' },
        ]),
      ),
    () =>
      raw(
        'sub',
        random.pick([
          '"\\u0061\\u00e9"',
          '"\\ud83d\\ude00"',
          '"\\ud83d"',
          '"\\u200b"',
          '"a\\tb"',
          '"a\\/b"',
          '"\\x61"',
          '"a\tb"',
          '"\\u0000"',
          "'a'",
          '"\\"\\\\"',
        ]),
      ),
    () => json({ sub: userId, more: random.pick([null, {}, [1, { sub: 'eve' }], 'x'.repeat(1000), { exp: 0 }]) }),
    () => json({}).replace('{', random.pick(['{"sub":"eve",', '{"exp":1,', '{"iss":"x",', '{"nbf":99999999999,'])),
    () =>
      json({}).replace(
        /}$/,
        random.pick([
          ',"sub":"eve"}',
          ',"exp":1}',
          ',"\\u0073ub":"eve"}',
          ',"iss":"x"}',
          ',"nbf":99999999999}',
          ',"__proto__":{"sub":"eve"}}',
          ',"Sub":"eve"}',
          ',"sub":null}',
        ]),
      ),
    () =>
      random.pick([
        ` ${json({})} `,
        `\n${json({})}`,
        `\ufeff${json({})}`,
        `${json({})}x`,
        `${json({})}\0`,
        json({}).replaceAll(':', ' : '),
        json({}).slice(0, -1),
        `[${json({})}]`,
      ]),
    () => random.pick(['', 'null', '[]', '""', '0', '{}', `"${userId}"`, '{"sub":', 'x']),
    () => json({ iat: random.pick([now, now + 1e6, 'x', null]), jti: 'x', nonce: {} }),
    () => json({}),
    () => json({}),
  ])();
}

/** `undefined` is drawn as anything else is: it leaves a field out. */
const oneOf = <T>(random: Random, list: readonly T[]): T => random.pick(list.map((value) => ({ value }))).value;

/** Headers that are no plain ones. `kid` and `alg` may be of another key. */
function headers({ random, world }: Scene, { header, key }: Hand): string {
  const others = [...world.keySet.signing, ...world.former.keySet.signing];
  const json = (changes: Record<string, unknown>) => JSON.stringify({ ...header, ...changes });
  const algs = [
    'none',
    'None',
    'HS384',
    'HS512',
    'hs256',
    'RS384',
    'RS512',
    'ES384',
    'ES256K',
    'Ed25519',
    'ES512',
    'PS384',
    '',
    'HS256',
    'RS256',
    'PS256',
    'ES256',
    'EdDSA',
    'dir',
    'A128KW',
  ];
  return random.pick([
    () => json({ alg: random.pick(algs) }),
    () => json({ alg: oneOf(random, [undefined, null, 256, ['HS256'], {}]) }),
    () =>
      json({
        kid: oneOf(random, [...others.map(({ kid }) => kid), 'unknown', '', undefined, 7, null, 'a-', '../x', 'twin']),
      }),
    () => json({ typ: oneOf(random, ['jwt', 'at+jwt', '', 7, undefined]), cty: 'JWT', x: { y: [1] } }),
    () =>
      json({
        crit: random.pick([[], ['exp'], ['b64'], 'x', ['x'], [7]]),
        b64: oneOf(random, [true, false, undefined, 'x']),
        exp: 1,
      }),
    () =>
      json({
        jwk: key === null ? {} : createPublicKey(key.privateKey).export({ format: 'jwk' }),
        jku: 'https://evil.example',
        x5c: ['x'],
      }),
    () =>
      json({}).replace(
        '{',
        random.pick([
          '{"alg":"none",',
          '{"kid":"x",',
          '{ ',
          '{\n\t',
          '{"\\u0061lg":"HS256",',
          '{"alg":"HS256",',
          '{"b64":false,',
        ]),
      ),
    () =>
      json({}).replace(
        /}$/,
        random.pick([
          ',"alg":"none"}',
          ',"\\u0061lg":"none"}',
          ',"kid":"x"}',
          ' }',
          ',"__proto__":{"alg":"none"}}',
          ',}',
          '',
        ]),
      ),
    () => json({}).replace('"alg"', '"\\u0061lg"').replace('"HS256"', '"\\u0048S256"'),
    () =>
      random.pick([
        '',
        '{}',
        '[]',
        'null',
        '"HS256"',
        `[${json({})}]`,
        `\ufeff${json({})}`,
        ` ${json({})} `,
        `${json({})}x`,
        'x',
      ]),
    () => json({}),
  ])();
}

/** The three parts in another spelling. Of some, several are the same bytes. */
function respelled(random: Random, token: string): string {
  const parts = token.split('.');
  const nth = random.int(0, 2);
  const part = parts[nth] ?? '';
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const at = random.int(0, part.length - 1);
  const withPart = (text: string) => parts.map((old, index) => (index === nth ? text : old)).join('.');
  return random.pick([
    () => withPart(`${part}=`),
    () => withPart(`${part}==`),
    () => withPart(part.replaceAll('-', '+').replaceAll('_', '/')),
    () => withPart(`${part}${random.pick([...letters])}`),
    () => withPart(part.slice(0, -1) + random.pick([...letters])),
    () => withPart(part.slice(0, -1)),
    () => withPart(''),
    () => withPart(part.slice(0, at) + random.pick([...letters, '!', '%', '=', '~', ',']) + part.slice(at + 1)),
    () => withPart(part.slice(0, at) + random.pick(['\n', ' ', '\t', '\xa0', '=']) + part.slice(at)),
    () => `${token}.`,
    () => `.${token}`,
    () => `${token}.x`,
    () => parts.slice(0, 2).join('.'),
    () => `${parts.slice(0, 2).join('.')}.`,
    () => parts.toReversed().join('.'),
    () => token.replace('.', '..'),
    () => token.toLowerCase(),
    () => token.slice(0, random.int(0, token.length)),
    () => random.pick(['x', '.', '..', '...', 'null', 'eyJ', '0']),
  ])();
}

function oddToken(scene: Scene, userId: string): { what: string; token: string } {
  const { random, world } = scene;
  const hand = handOf(scene);
  const good = JSON.stringify(claimsOf(userId));
  const header = JSON.stringify(hand.header);
  const { key } = hand;
  const makers: Record<string, () => string> = {
    'with odd claims': () => tokenOf(header, payloads(random, userId), hand.sign),
    'with an odd header': () => tokenOf(headers(scene, hand), good, hand.sign),
    'in another spelling': () => respelled(random, tokenOf(header, good, hand.sign)),
    'with odd claims and header': () => tokenOf(headers(scene, hand), payloads(random, userId), hand.sign),
    'of the secret of before': () => tokenOf('{"alg":"HS256"}', good, byHmac(world.former.sessionSecret)),
    'of another secret': () =>
      tokenOf(
        '{"alg":"HS256"}',
        good,
        byHmac(random.pick(['', 'x', world.challengeSecret, `${world.sessionSecret} `])),
      ),
    'of another hash': () => {
      const bits = random.pick([384, 512]);
      return tokenOf(`{"alg":"HS${random.pick([bits, 256])}"}`, good, byHmac(world.sessionSecret, `sha${bits}`));
    },
    'of a stranger': () => {
      const algorithm = random.pick(['EdDSA', 'ES256', 'RS256'] as const);
      const { kid } = random.pick(world.keySet.signing);
      return tokenOf(
        JSON.stringify({ alg: algorithm, kid }),
        good,
        byKey({ algorithm, privateKey: stranger[algorithm] }),
      );
    },
    'with the public key for a secret': () => {
      const { kid, privateKey } = key ?? random.pick(world.keySet.signing);
      const publicKey = createPublicKey(privateKey);
      const secret = random.pick([
        publicKey.export({ type: 'spki', format: 'pem' }),
        publicKey.export({ type: 'spki', format: 'der' }),
        JSON.stringify(publicKey.export({ format: 'jwk' })),
      ]);
      return tokenOf(JSON.stringify({ alg: 'HS256', kid }), good, byHmac(secret as string)); // bytes do as well
    },
    'by another algorithm of its key': () => {
      if (key === null || key.privateKey.asymmetricKeyType !== 'rsa')
        return tokenOf(header, good, () => Buffer.alloc(random.int(0, 64)));
      const algorithm = random.pick(['RS256', 'PS256'] as const);
      return tokenOf(
        JSON.stringify({ ...hand.header, alg: random.pick(['RS256', 'PS256']) }),
        good,
        byKey({ ...key, algorithm }),
      );
    },
    'with an odd signature': () =>
      tokenOf(header, good, (text) => {
        const right = hand.sign(text);
        const at = random.int(0, right.length - 1);
        right[at] = (right[at] ?? 0) ^ (1 << random.int(0, 7));
        return random.pick([
          right,
          right.subarray(1),
          Buffer.concat([hand.sign(text), Buffer.from([0])]),
          Buffer.alloc(64),
          Buffer.alloc(0),
          Buffer.alloc(256, 255),
          Buffer.alloc(32),
        ]);
      }),
    'with bytes that are no text': () => {
      const bytes = Buffer.from(good);
      bytes[random.int(0, bytes.length - 1)] = random.pick([0xff, 0x80, 0xc0, 0xed, 0x00, 0x1f]);
      return tokenOf(header, bytes, hand.sign);
    },
    'that is long': () =>
      tokenOf(
        header,
        JSON.stringify({ ...claimsOf(userId), x: 'y'.repeat(random.pick([2000, 4000, 5000, 12_000])) }),
        hand.sign,
      ),
  };
  const what = random.pick(Object.keys(makers));
  return { what, token: makers[what]?.() ?? '' };
}

/** Whose the token is, if it is anybody's: as its last `sub` says. */
function subjectOf(token: string, otherwise: string): string {
  try {
    const payload = new TextDecoder('utf-8', { fatal: true }).decode(
      Buffer.from(token.split('.')[1] ?? '', 'base64url'),
    );
    const { sub } = JSON.parse(payload) as { sub?: unknown };
    return typeof sub === 'string' ? sub : otherwise;
  } catch {
    return otherwise;
  }
}

export const oddTokens: Play = async (scene) => {
  const { random } = scene;
  for (let left = random.int(1, 4); left > 0; left -= 1) {
    const { what, token } = oddToken(scene, newUserId(scene));
    const userId = subjectOf(token, '');
    const saleId = random.pick(['sum', 'none', 'quiz']);
    const times = random.chance(0.3) ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      if (random.chance(0.5)) {
        await scene.ask(`challenge: a token ${what}`, challengeRequest(saleId, token), { saleId, userId });
      } else {
        const { challengeId, answer } = makeChallenge(scene, saleId, userId);
        const body = JSON.stringify({ challengeId, answer });
        await scene.ask(`ticket: a token ${what}`, ticketRequest(saleId, token, body), { saleId, userId });
      }
    }
  }
};
