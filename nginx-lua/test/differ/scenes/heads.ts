import type { Random } from '#lab/random.ts';
import { makeChallenge } from '../world/challenges.ts';
import { challengeRequest, newShopper, type Play, ticketRequest } from './scene.ts';

const spelledBearer = (random: Random, token: string): string =>
  random.pick([
    ...[
      'bearer',
      'BEARER',
      'bEaReR',
      'Bearer ',
      'Bearer   ',
      'Bearer\t',
      'Basic',
      'Token',
      '',
      'Bearer:',
      'Bearer,',
      'xBearer',
      '"Bearer"',
    ].map((scheme) => `${scheme} ${token}`),
    ...[
      token,
      `Bearer${token}`,
      'Bearer',
      'Bearer ',
      `Bearer ${token} `,
      `Bearer ${token}  x`,
      `Bearer ${token},`,
      `Bearer "${token}"`,
      `Bearer ${token}\t`,
    ],
    ...[
      `Bearer ${token}\xe9`,
      `Bearer \xff`,
      `Bearer ${token}\x7f`,
      `Bearer ${token}\x01`,
      `  Bearer ${token}`,
      `Bearer ${token}=`,
      `Bearer ${token} Bearer ${token}`,
    ],
    ...[
      `Bearer ${'x'.repeat(random.pick([6980, 6992, 6993, 7001, 16_384, 32_000]))}`,
      `Bearer ${token}.${'x'.repeat(6000)}`,
      `Bearer ${' '.repeat(6000)}${token}`,
    ],
  ]);

const types = [
  ...[
    'application/json;charset=utf-8',
    'APPLICATION/JSON',
    'application/json ',
    'application/json ; x',
    'application/json;',
    'application/json; charset=latin1',
  ],
  ...[
    'application/jsonp',
    'text/json',
    'application/json, text/plain',
    'application/problem+json',
    '',
    ';',
    'json',
    'application/json\t',
    'application/json\xa0',
  ],
  ...[
    'application /json',
    'application/json+x',
    '"application/json"',
    'application/json;x="\xe9"',
    `application/json;${'x'.repeat(180)}`,
    `application/json;${'x'.repeat(400)}`,
  ],
  ...[
    'application\xa0/json',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    ' application/json',
    'application/json\x0b',
    'application/\x00json',
  ],
];

const others: [string, string][] = [
  ['Accept', 'text/html'],
  ['Accept', 'application/json'],
  ['X-Forwarded-For', '1.2.3.4'],
  ['X-Request-Id', 'a-request-of-a-client'],
  ['Cookie', 'a=b'],
  ['Seckill-Ticket', '1.k1.x'],
  ['Accept-Encoding', 'gzip'],
  ['If-None-Match', '*'],
  ['If-None-Match', '"x"'],
  ['If-Match', '"x"'],
  ['If-Match', '*'],
  ['If-Modified-Since', 'Mon, 30 Nov 2026 00:00:00 GMT'],
  ['If-Unmodified-Since', 'Mon, 30 Nov 2020 00:00:00 GMT'],
  ['If-Range', '"x"'],
  ['Te', 'trailers'],
  ['Range', 'bytes=0-1'],
  ['Expect', '100-continue'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['Content-Encoding', 'gzip'],
];

/** Heads that are spelled in an odd way, around a request that is good. */
export const oddHeads: Play = async (scene) => {
  const { random } = scene;
  const { userId, token } = newShopper(scene);
  const saleId = random.pick(['sum', 'quiz', 'none', 'pow']);
  for (let left = random.int(1, 4); left > 0; left -= 1) {
    const { challengeId, answer } = makeChallenge(scene, saleId, userId);
    const isTicket = random.chance(0.6);
    const asked = isTicket
      ? ticketRequest(saleId, token, JSON.stringify({ challengeId, answer }))
      : challengeRequest(saleId, token);
    const without = (name: string) => asked.headers.filter(([found]) => found !== name);
    const changes: Record<string, () => void> = {
      'another spelling of the bearer': () => {
        asked.headers = [...without('Authorization'), ['Authorization', spelledBearer(random, token)]];
      },
      'no bearer': () => {
        asked.headers = without('Authorization');
      },
      'another content type': () => {
        asked.headers = [...without('Content-Type'), ['Content-Type', random.pick(types)]];
      },
      'no content type': () => {
        asked.headers = without('Content-Type');
      },
      'a header twice': () => {
        asked.headers.push(random.pick(asked.headers));
      },
      'other headers': () => {
        asked.headers.push(random.pick(others), random.pick(others));
      },
      'names in another case': () => {
        asked.headers = asked.headers.map(([name, value]) => [
          random.pick([name.toUpperCase(), name.toLowerCase()]),
          value,
        ]);
      },
      'a body in chunks, or none': () => {
        if (random.chance(0.3) || !isTicket) asked.body = isTicket ? null : Buffer.from('{}');
        else asked.chunkBytes = random.int(1, 200);
      },
    };
    const what = random.pick(Object.keys(changes));
    changes[what]?.();
    await scene.ask(`${isTicket ? 'ticket' : 'challenge'}: ${what}`, asked, { saleId, userId });
  }
};

/** Other methods, and other spellings of the path. */
export const oddTargets: Play = async (scene) => {
  const { random } = scene;
  const { userId, token } = newShopper(scene);
  const saleId = random.pick(['sum', 'none', 'draft', 'none-such']);
  for (let left = random.int(1, 4); left > 0; left -= 1) {
    const { challengeId, answer } = makeChallenge(scene, saleId, userId);
    const isTicket = random.chance(0.5);
    const asked = isTicket
      ? ticketRequest(saleId, token, JSON.stringify({ challengeId, answer }))
      : challengeRequest(saleId, token);
    if (random.chance(0.5)) asked.method = random.pick(['HEAD', 'PUT', 'OPTIONS', 'DELETE', 'PATCH', 'GET', 'POST']);
    if (asked.method === 'HEAD') asked.body = null;
    if (random.chance(0.7)) {
      const path = asked.target;
      asked.target = random.pick([
        ...[
          `${path}?a=b`,
          `${path}?`,
          `${path}/`,
          `${path}//`,
          `/${path}`,
          path.replace('/sales', '//sales'),
          path.replace('api', '%61pi'),
          path.replace('sales/', 'sales/./'),
        ],
        ...[
          path.replace('sales/', 'sales/../sales/'),
          path.replace(saleId, `${saleId}%00`),
          path.replace(saleId, saleId.toUpperCase()),
          path.replace(saleId, `%${(saleId.codePointAt(0) ?? 0).toString(16)}${saleId.slice(1)}`),
        ],
        ...[
          path.replace(saleId, 'sum%2Fx'),
          path.replace(saleId, 'é'),
          path.replace(saleId, 'a'.repeat(200)),
          path.replace(saleId, '..'),
          `${path}#x`,
          `${path}%20`,
          `${path}?${'x'.repeat(8000)}`,
          `${path}?\xe9`,
          `${path};a=b`,
        ],
        ...[
          path.replace(saleId, '-'),
          path.replace(saleId, '_'),
          path.replace(saleId, 'a.b'),
          path.replace(saleId, 'a b'),
          `http://evil.example${path}`,
          `${path}?sale_id=none`,
        ],
      ]);
    }
    await scene.ask(`${isTicket ? 'ticket' : 'challenge'}: another method or path`, asked, { saleId, userId });
  }
};
