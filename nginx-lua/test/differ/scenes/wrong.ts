import { makeChallenge, signedId } from '../world/challenges.ts';
import { newShopper, newUserId, type Play, type Scene, ticketRequest } from './scene.ts';

const sales = ['sum', 'quiz', 'long-quiz', 'pow'];
const bodyOf = (challengeId: string, answer: string) => JSON.stringify({ challengeId, answer });

/** Wrong, more often than is looked at, to one challenge; then the right one. Each side counts for itself. */
export const wrongOften: Play = async (scene) => {
  const { random } = scene;
  const { userId, token, isSure } = newShopper(scene);
  const saleId = random.pick(sales);
  const claim = { saleId, userId, isForEdge: isSure };
  const challenges = random.chance(0.2) ? random.int(4, 6) : 1;
  for (let nth = 0; nth < challenges; nth += 1) {
    const { challengeId, answer } = makeChallenge(scene, saleId, userId);
    const times = random.int(3, 7);
    const ask = (what: string, text: string) =>
      scene.ask(`ticket: ${what}`, ticketRequest(saleId, token, bodyOf(challengeId, text)), claim);
    for (let time = 0; time < times; time += 1)
      await ask('wrong, maybe too often', random.pick(['1', 'no', '0,0', 'x y']));
    if (/^[ -~]*$/.test(answer)) await ask('right, maybe after too many wrong ones', answer);
  }
};

type Spoilt = { what: string; challengeId: string; answer: string };

const spoilers: Record<string, (scene: Scene, saleId: string, userId: string) => Omit<Spoilt, 'what'>> = {
  expired: (scene, saleId, userId) =>
    makeChallenge(scene, saleId, userId, { ageMs: scene.random.pick([303_000, 310_000, 86_400_000, 1e11]) }),
  'from the future': (scene, saleId, userId) =>
    makeChallenge(scene, saleId, userId, { ageMs: -scene.random.pick([10_000, 400_000, 1e10, 9e11]) }),
  'signed with the secret of before': (scene, saleId, userId) =>
    makeChallenge(scene, saleId, userId, { secret: scene.world.former.challengeSecret }),
  'signed with no secret': (scene, saleId, userId) => makeChallenge(scene, saleId, userId, { secret: '' }),
  'of another user': (scene, saleId) => makeChallenge(scene, saleId, newUserId(scene)),
  'of another sale': (scene, _, userId) => makeChallenge(scene, scene.random.pick(['sum', 'none', 'quiz']), userId),
  'with another question': (scene, saleId, userId) => {
    const { challengeId } = makeChallenge(scene, saleId, userId);
    return { challengeId: challengeId.replace(/\.[^.]+\./, '.s-1-1.'), answer: '2' };
  },
  'with another spelling of its signature': (scene, saleId, userId) => {
    const { challengeId, answer } = makeChallenge(scene, saleId, userId);
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return { challengeId: challengeId.slice(0, -1) + scene.random.pick([...letters]), answer };
  },
  'cut, longer or with an odd letter': (scene, saleId, userId) => {
    const { random } = scene;
    const { challengeId, answer } = makeChallenge(scene, saleId, userId);
    const at = random.int(0, challengeId.length);
    const odd = random.pick([
      '',
      '.',
      '..',
      ' ',
      '\n',
      '\u0000',
      '=',
      '+',
      '/',
      'é',
      '，',
      '😀',
      '\ud800',
      'A',
      '%',
      'x'.repeat(200),
    ]);
    return { challengeId: challengeId.slice(0, at) + odd + challengeId.slice(at + random.int(0, 2)), answer };
  },
  // Nobody ever gets one, but each part of it is read by both.
  'of a shape that we never give': (scene, saleId, userId) => {
    const { random } = scene;
    const now = Date.now();
    // Mostly one part is odd, and it alone decides.
    const odd = random.pick(['asked', 'issued', 'nonce', 'sale', 'all']);
    const mayBeOdd = (part: string, oddOnes: readonly string[], plain: string) =>
      odd === part || odd === 'all' ? random.pick(oddOnes) : plain;
    const oddAsked = [
      ...[
        'n',
        's-0-0',
        's-007-3',
        's-99999999999-1',
        `s-${'9'.repeat(20)}-1`,
        `s-${'9'.repeat(30)}-${'9'.repeat(30)}`,
        's-2-',
        's--3-4',
      ],
      ...[
        'q-0',
        'q-00',
        'q-99',
        'q-99999999999',
        'q--1',
        `q-${'1'.repeat(30)}`,
        'p-0-0',
        'p-1-0',
        'p-01-00',
        'p-1-33',
        'p-2-999999999999',
      ],
      ...['', 'N', 'n-1', 'n1', 'n-', 'S-2-3', 's-2-3-4', 'x'],
    ];
    const nowText = (now - 1000).toString(36);
    const oddIssued = [
      ...['00000000', '000000000', 'zzzzzzzz', 'zzzzzzzzz', '1234567', 'zzzzzzz', ''],
      ...[`0${nowText}`, `00${nowText}`, nowText.toUpperCase(), `zz${nowText}`],
    ];
    const asked = mayBeOdd('asked', oddAsked, random.pick(['n', 's-4-6']));
    const issued = mayBeOdd('issued', oddIssued, nowText);
    const oddNonces = ['abcdefgh', 'ABC_-123', 'abcdefg', 'abcdefghi', 'abc.efgh', 'abcdefg=', ''];
    const nonce = mayBeOdd('nonce', oddNonces, 'abcdefgh');
    const sale = mayBeOdd('sale', ['a', '', 'SUM', 'sum-', 'a'.repeat(48), 'a'.repeat(49)], saleId);
    const answer = random.pick(['0', '10', '100000000000', '100000000000000000000', '2e+30', '', ',', 'a', 'yes']);
    return { challengeId: signedId(scene.world, [sale, asked, issued, nonce].join('.'), userId), answer };
  },
  'that is none': ({ random, world }, saleId, userId) => ({
    challengeId: random.pick([
      ...[
        '',
        '.',
        'n',
        saleId,
        `${saleId}.n`,
        'a'.repeat(256),
        'a'.repeat(257),
        '\u0000',
        '😀'.repeat(128),
        '😀'.repeat(129),
      ],
      ...[
        '....',
        `${saleId}.n.m0000000.abcdefgh.${'A'.repeat(43)}`,
        signedId(world, '', userId),
        signedId(world, saleId, userId),
      ],
    ]),
    answer: '2',
  }),
};

/** Challenges that are not good, with the answer that they would take. */
export const spoiltChallenges: Play = async (scene) => {
  const { random } = scene;
  const { userId, token } = newShopper(scene);
  const saleId = random.pick(['sum', 'quiz', 'long-quiz', 'pow', 'none', 'paused']);
  for (let left = random.int(1, 4); left > 0; left -= 1) {
    const what = random.pick(Object.keys(spoilers));
    const { challengeId, answer } = spoilers[what]?.(scene, saleId, userId) ?? { challengeId: '', answer: '' };
    await scene.ask(`ticket: a challenge ${what}`, ticketRequest(saleId, token, bodyOf(challengeId, answer)), {
      saleId,
      userId,
    });
  }
};
