/** What a token's signature has proven: its claims, and nothing that the clock decides. */
export type RememberedTokens<Claims> = {
  get: (token: string) => Claims | undefined;
  add: (token: string, claims: Claims) => void;
};

/** A longer token is checked each time, so that what is remembered has a bound in bytes, too. */
const maxTokenLength = 1024;

/**
 * Remembers the claims of tokens whose signature was right, `perGeneration` to twice as many: a page that polls sends the
 * same token again and again, and to look it up costs a hundredth of the signature. The newest are kept: once a generation
 * is full it becomes the older one, the one before is forgotten, and a token that is asked for moves to the newer.
 */
export function createRememberedTokens<Claims extends object>(perGeneration = 10_000): RememberedTokens<Claims> {
  let newer = new Map<string, Claims>();
  let older = new Map<string, Claims>();

  function add(token: string, claims: Claims): void {
    if (token.length > maxTokenLength) return;
    if (newer.size >= perGeneration) {
      older = newer;
      newer = new Map();
    }
    newer.set(token, claims);
  }

  return {
    add,
    get(token) {
      const known = newer.get(token);
      if (known !== undefined) return known;
      const aged = older.get(token);
      if (aged !== undefined) add(token, aged);
      return aged;
    },
  };
}
