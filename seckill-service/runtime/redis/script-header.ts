/** One line of KEYS or ARGV: `KEYS[3] buyers` (from = to = 3), `KEYS[1...9] what …`, `ARGV[3...] orderId …` (to: no end). */
export type HeaderLine = { from: number; to: number; name: string };

/** What the header of a Redis script says. */
export type ScriptHeader = {
  purpose: string;
  /** The invariant that it keeps. */
  keeps: string;
  keys: HeaderLine[];
  args: HeaderLine[];
  /** `Returns -1 UNKNOWN` or `Returns {-1, 0} UNKNOWN`: a code and its name. */
  replies: { code: number; name: string }[];
  cost: string;
};

/** Reads a header; throws when a part of it is missing, so that no script goes undocumented. */
export function readHeader(name: string, lua: string): ScriptHeader {
  const lines = lua.split('\n').filter((line) => line.startsWith('-- '));
  const all = (pattern: RegExp) => lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
  const one = (pattern: RegExp, what: string) => {
    const [match] = all(pattern);
    if (match?.[1] === undefined) throw new Error(`${name}.lua: its header has no "${what}" line`);
    return match[1];
  };
  const table = (of: 'KEYS' | 'ARGV') => {
    let next = 1;
    return all(new RegExp(`^-- ${of}\\[(\\d+)(\\.\\.\\.(\\d*))?\\] (\\w+)`)).map((match): HeaderLine => {
      const from = Number(match[1]);
      if (from !== next) throw new Error(`${name}.lua: ${of} are not numbered in order`);
      const last = match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
      const to = match[2] === undefined ? from : last;
      next = to + 1;
      return { from, to, name: match[4] ?? '' };
    });
  };
  const keys = table('KEYS');
  if (keys.length === 0) throw new Error(`${name}.lua: its header names no KEYS`);
  const replies = all(/^-- Returns (?:\{(-?\d+)[^}]*\}|(-?\d+)) ([A-Z_]+)/).map((match) => ({
    code: Number(match[1] ?? match[2]),
    name: match[3] ?? '',
  }));
  if (replies.length === 0) throw new Error(`${name}.lua: its header names no reply`);
  return {
    purpose: one(new RegExp(`^-- ${name}: (.+)`), `${name}:`),
    keeps: one(/^-- Keeps: (.+)/, 'Keeps:'),
    keys,
    args: table('ARGV'),
    replies,
    cost: one(/^-- Cost: (.+)/, 'Cost:'),
  };
}
