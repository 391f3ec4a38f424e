import { afterAll, beforeAll, expect, test } from 'vitest';
import { normaliseAnswer } from '#contract/sale-quiz.ts';
import { createRandom } from '#lab/random.ts';
import { startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { edgeLua, openToLua } from '#lab/servers/edge-lua.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge({}, [], { beforeStart: openToLua });
});
afterAll(() => edge.stop());

/** Null of a text that holds a letter which the edge does not know for certain. */
const normalised = (texts: readonly string[]) =>
  edgeLua(
    edge,
    `local texts, normalise, null = ..., require('seckill.office.answer').normalise, require('cjson').null
     for i, text in ipairs(texts) do texts[i] = normalise(text) or null end
     return texts`,
    texts,
  ) as Promise<(string | null)[]>;

/** Texts that the edge knows and normalises in another way than the gateway. */
async function wrong(texts: readonly string[]): Promise<unknown[]> {
  const told = await normalised(texts);
  return texts
    .map((text, at) => ({ text, edge: told[at], gateway: normaliseAnswer(text) }))
    .filter(({ edge: by, gateway }) => by !== null && by !== gateway)
    .slice(0, 10);
}

const letters = Array.from({ length: 0x11_0000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

test('an answer is normalised at the edge as the gateway normalises it: each letter, and many together', async () => {
  const told = await normalised(letters);
  const known = letters.filter((_, at) => told[at] !== null);
  expect(known.length).toBeGreaterThan(39_000);
  for (const letter of '7ａÉщらホ手맛』') expect(known.includes(letter)).toBe(true);
  expect(await wrong(known)).toEqual([]);
  expect(await wrong(known.map((letter) => `x${letter}y`))).toEqual([]);

  const { chance, int } = createRandom(16);
  const pick = (from: readonly string[]) => from[int(0, from.length - 1)];
  // What is left out or changed, and letters that one meets, more often than the others.
  const odd = [...'"\'“”‘’「」『』()（）.,。，、!！?？;；:： \t\u3000\u00a0ABZ０ＡＺ{｝ÀÞЁЖ\\'];
  const usual = known.slice(0, 300);
  const draw = () => pick(chance(0.3) ? odd : chance(0.6) ? usual : known);
  const texts = Array.from({ length: 20_000 }, () => Array.from({ length: int(0, 12) }, draw).join(''));
  expect(await wrong(texts)).toEqual([]);
  expect((await normalised(texts)).filter((text) => text === null)).toEqual([]);
});

test('a letter that may join with its neighbour is for the gateway', async () => {
  const texts = [
    'e\u0301',
    'か\u3099',
    'ｶﾞ',
    '\u1112\u1161\u11ab',
    'ﾊ',
    '①',
    '…',
    'Σ',
    'İ',
    'ﬁ',
    '\u00b5',
    '😀',
    '\u{20000}',
    '\u0000',
  ];
  expect(await normalised(texts)).toEqual(texts.map(() => null));
});
