import type { Random } from '#lab/random.ts';
import { type Made, makeChallenge } from '../world/challenges.ts';
import { newShopper, type Play, ticketRequest } from './scene.ts';

const sales = ['sum', 'quiz', 'quiz', 'long-quiz', 'none', 'none', 'pow'];

/** JSON of a text, in one of the ways in which it may be written. */
function text(random: Random, value: string): string {
  const plain = JSON.stringify(value);
  return random.pick([
    plain,
    plain,
    `"${[...value].map((sign) => escaped(random, sign)).join('')}"`,
    plain.replaceAll('/', '\\/'),
  ]);
}

function escaped(random: Random, sign: string): string {
  const units = Array.from({ length: sign.length }, (_, at) => sign.charCodeAt(at).toString(16).padStart(4, '0'));
  const all = units.map((unit) => `\\u${random.chance(0.5) ? unit : unit.toUpperCase()}`).join('');
  return random.chance(0.5) ? all : JSON.stringify(sign).slice(1, -1);
}

const space = (random: Random) => random.pick(['', '', '', ' ', '\t', '\n', '\r\n', '  \n\t ']);

/** An object with these pairs as they are written, with spaces where JSON has them. */
function object(random: Random, pairs: readonly (readonly [string, string])[]): string {
  const parts = pairs.map(([name, value]) => [name, ':', value].map((part) => space(random) + part).join(''));
  return `${space(random)}{${parts.join(`${space(random)},`)}${space(random)}}${space(random)}`;
}

const key = (random: Random, name: string) => text(random, name);

/** Good JSON that means what the plain body means. */
function goodBody(random: Random, { challengeId, answer }: Made): string {
  const wanted: [string, string][] = [
    [key(random, 'challengeId'), text(random, challengeId)],
    [key(random, 'answer'), text(random, answer)],
  ];
  const beside: [string, string][] = Array.from({ length: random.int(0, 3) }, () => [
    text(random, random.pick(['a', 'Answer', 'challengeid', '__proto__', 'constructor', 'ключ', '', 'answer ', '0'])),
    otherValue(random),
  ]);
  return object(random, random.shuffle([...wanted, ...beside]));
}

const otherValue = (random: Random): string =>
  random.pick([
    ...[
      'null',
      'true',
      'false',
      '0',
      '-1.5e+3',
      '""',
      '[]',
      '{}',
      '[1,[2,{"a":null}]]',
      '{"answer":"x"}',
      '"\\ud83d\\ude00"',
    ],
    ...['"{}"', '"\\""', '[ ]', '1E5', '0.1', '"é"', '[[[[[[[[[[]]]]]]]]]]', '{"a":{"b":{"c":{}}}}'],
  ]);

/** How the answer may stand in the body besides its right text. */
const answers = [
  ...[
    'null',
    'true',
    'false',
    '[]',
    '{}',
    '["10"]',
    '""',
    '" "',
    '"x"',
    '10',
    '10.0',
    '1e1',
    '100e-1',
    '-0',
    '0',
    '-10',
    '1e400',
    '-1e400',
  ],
  ...[
    '1e21',
    '123456789012345678901234567890',
    '0.1',
    '1E1',
    '1e+1',
    '10.50',
    '5e-324',
    '1e-7',
    '0.000001',
    '9007199254740993',
    '0.30000000000000004',
  ],
  ...['010', '+10', '10.', '.5', '1e', '0x10', 'NaN', 'Infinity', '--1', '1_0', '-', '1 0'],
  ...[
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\u0000"',
    '"\\u00e9"',
    '"e\\u0301"',
    '"\\u0130"',
    '"\\u03a3"',
    '"\\u1e9e"',
    '"\\ufeff"',
    '"\\u2028"',
  ],
  ...[
    '"\\x41"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\U0041"',
    '"\\\'"',
    '"a\nb"',
    '"a\tb"',
    '"\u0001"',
    '"\u007f"',
    "'10'",
    '"10',
    '10"',
    '"\\"',
    '"\\',
  ],
  ...[
    `"${'x'.repeat(200)}"`,
    `"${'x'.repeat(201)}"`,
    `"${'😀'.repeat(100)}"`,
    `"${'😀'.repeat(100)}x"`,
    `"${'é'.repeat(200)}"`,
    `"${'é'.repeat(201)}"`,
    `"${'\\u0041'.repeat(200)}"`,
    `"${'\\u0041'.repeat(201)}"`,
  ],
];

/** The right words in spellings that Unicode makes the same, or nearly. */
const spellings: ((answer: string) => string)[] = [
  (answer) => answer.normalize('NFD'),
  (answer) => answer.toUpperCase(),
  (answer) => answer.toLowerCase(),
  (answer) => answer.replace(/[!-~]/g, (sign) => String.fromCodePoint((sign.codePointAt(0) ?? 0) + 0xfee0)),
  (answer) => `\u3000${answer}\u00a0`,
  (answer) => `\ufeff${answer}\u2028`,
  (answer) => `\u180e${answer}`,
  (answer) => `\u0085${answer}`,
  (answer) => `\u200b${answer}`,
  (answer) => `\u001f${answer}`,
  (answer) => `\v\f${answer}\r\n`,
  (answer) => `「${answer}」`,
  (answer) => `『（“‘${answer}’”）』！？；：，、。`,
  (answer) => `.${answer}..`,
  (answer) => `«${answer}»`,
  (answer) => `[${answer}]`,
  (answer) => `-${answer}`,
  (answer) => answer.replace(/\d/g, (digit) => '⓪①②③④⑤⑥⑦⑧⑨'[Number(digit)] ?? ''),
  (answer) => answer.replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? ''),
  (answer) => answer.replace(/\d/g, (digit) => String.fromCodePoint(0x1d7ce + Number(digit))),
  (answer) => answer.replace(/\d/g, (digit) => String.fromCodePoint(0x0660 + Number(digit))),
  (answer) => answer.replaceAll('k', '\u212a').replaceAll('s', '\u017f'),
  (answer) => answer.replaceAll('i', 'İ'),
  (answer) => answer.replaceAll('i', 'ı'),
  (answer) => answer.replaceAll('ß', 'ẞ').replaceAll('ss', 'ß'),
  (answer) => answer.replaceAll('fi', 'ﬁ'),
  (answer) => answer.replaceAll('...', '…'),
  (answer) => `${answer}\u0301`,
  (answer) => `0${answer}`,
  (answer) => `+${answer}`,
  (answer) => `${answer}.0`,
  (answer) => answer.split('').join('\u2009'),
  (answer) => answer.split('').join('\u00ad'),
  (answer) => answer.replaceAll('"', '“'),
  (answer) => answer.replaceAll(' ', ''),
  (answer) => `ｶﾞ${answer}`,
  (answer) => `Å${answer}`,
  (answer) => `${answer}..、"`.repeat(3),
  () => '',
  () => '。',
  () => '""',
];

/** No JSON, or no JSON object of the two. Each is latin1 or bytes. */
const noBodies = (random: Random, good: string): Buffer =>
  random.pick(
    [
      ...[
        '',
        ' ',
        'null',
        '[]',
        '{}',
        '0',
        '"x"',
        'true',
        '{',
        '}',
        '{"challengeId"',
        '{"challengeId":',
        '[{}]',
        '{}{}',
        '{},',
        'undefined',
        'NaN',
      ],
      ...[
        `${good}x`,
        `${good}{}`,
        `${good}\0`,
        `\0${good}`,
        good.slice(0, -1),
        good.slice(1),
        good.replace(':', '='),
        good.replace(',', ';'),
        good.replace(/}\s*$/, ',}'),
      ],
      ...[
        good.replace('{', '{,'),
        good.replaceAll('"', "'"),
        `//\n${good}`,
        `/**/${good}`,
        `${good}//`,
        good.replace('{', '{\u00a0'),
        good.replace('{', '{\f'),
        `\u2028${good}`,
      ],
      ...[
        '['.repeat(500),
        `${'['.repeat(1500)}${']'.repeat(1500)}`,
        `${'{"a":'.repeat(600)}1${'}'.repeat(600)}`,
        `challengeId=1&answer=2`,
      ],
    ].map((text) => Buffer.from(text)),
  );

/** The same text in other encodings, and bytes that are no UTF-8. */
const encodings: ((good: string) => Buffer)[] = [
  (good) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(good)]),
  (good) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf]), Buffer.from(good)]),
  (good) => Buffer.from(good, 'utf16le'),
  (good) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(good, 'utf16le')]),
  (good) => Buffer.from(good, 'latin1'),
  (good) => Buffer.from(good.replace(/}\s*$/, ',"x":"\xe9"}'), 'latin1'),
  ...[
    [0xc0, 0x80],
    [0xc1, 0xbf],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
    [0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xff],
    [0x80],
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98],
  ].map((bytes) => (good: string) => {
    // At the end of the last text: where nothing is asked, only the bytes decide.
    const end = good.lastIndexOf('"');
    return Buffer.concat([Buffer.from(good.slice(0, end)), Buffer.from(bytes), Buffer.from(good.slice(end))]);
  }),
];

/** A body in which each way of going wrong, or of being right in an odd way, has its chance. */
export function oddBody(random: Random, made: Made): { what: string; body: Buffer } {
  const { challengeId, answer } = made;
  const good = goodBody(random, made);
  const id = JSON.stringify(challengeId);
  const makers: Record<string, () => string | Buffer> = {
    'JSON in another spelling': () => good,
    'an odd answer': () =>
      object(random, [
        ['"challengeId"', id],
        ['"answer"', random.pick(answers)],
      ]),
    'an answer in another spelling': () =>
      object(random, [
        ['"challengeId"', id],
        ['"answer"', text(random, random.pick(spellings)(answer))],
      ]),
    'an odd challenge id': () =>
      object(random, [
        ['"challengeId"', random.pick(answers)],
        ['"answer"', text(random, answer)],
      ]),
    'one name twice': () =>
      object(
        random,
        random.shuffle([
          ['"challengeId"', id],
          ['"answer"', text(random, answer)],
          random.pick([
            [key(random, 'answer'), random.pick(answers)],
            [key(random, 'challengeId'), random.pick(answers)],
          ]),
        ]),
      ),
    'a number for an answer': () => {
      const number = random.pick([
        ...[answer, `${answer}.0`, `${answer}e0`, `${answer}E+0`, `-${answer}`, `0${answer}`, `${answer}0`],
        ...[answer.replace(/000$/, '890'), answer.replace('+', ''), `${answer}1`, `${answer}.000000000000000001`],
      ]);
      return `{"challengeId":${id},"answer":${number}}`;
    },
    'one name missing': () =>
      object(random, [
        random.pick([
          ['"challengeId"', id],
          ['"answer"', JSON.stringify(answer)],
        ]),
      ]),
    'no JSON': () => noBodies(random, good),
    'another encoding': () => random.pick(encodings)(random.chance(0.5) ? good : JSON.stringify(made)),
    'more behind it or before it': () => {
      const more = random.pick(['x', '{}', '\0', ',', '}', ' ', '\n', '\u00a0', '"', 'null', '//']);
      const plain = random.chance(0.5) ? good : JSON.stringify(made);
      return random.chance(0.8) ? `${plain}${more}` : `${more}${plain}`;
    },
    'a byte changed': () => {
      const bytes = Buffer.from(good);
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      return bytes;
    },
    'a long body': () =>
      object(random, [
        ['"challengeId"', id],
        ['"answer"', JSON.stringify(answer)],
        ['"x"', `"${'y'.repeat(random.pick([1000, 3500, 4096, 5000, 20_000]))}"`],
      ]),
  };
  const what = random.pick(Object.keys(makers));
  return { what, body: Buffer.from(makers[what]?.() ?? '') };
}

export const oddBodies: Play = async (scene) => {
  const { random } = scene;
  const { userId, token } = newShopper(scene);
  const saleId = random.pick(sales);
  for (let left = random.int(1, 4); left > 0; left -= 1) {
    const { what, body } = oddBody(random, makeChallenge(scene, saleId, userId));
    const asked = ticketRequest(saleId, token, body);
    if (random.chance(0.1)) asked.chunkBytes = random.pick([1, 7, 100, 5000]);
    if (random.chance(0.1)) asked.cut = random.next();
    await scene.ask(`ticket: a body with ${what}`, asked, { saleId, userId });
  }
};
