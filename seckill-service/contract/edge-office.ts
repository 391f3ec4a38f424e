import type { SaleNode } from './sale.ts';

/**
 * What an edge needs, beside the sales and the ticket keys, to answer `GET …/challenge` and `POST …/ticket` itself. It
 * holds secrets: it travels by the agent's socket alone, whose directory is private to the two, and nginx keeps it in
 * memory. The reader is nginx-lua/lua/seckill/office/secrets.lua.
 */
export type EdgeOffice = {
  challengeSecret: string;
  /** Of tokens that are signed by HS256. */
  sessionSecret: string;
  /** How long a ticket is good, in ms. */
  ticketTtlMs: number;
  /** Users a second up to whom a proof of work stays at its least. */
  calmPerSecond: number;
  /** The shop's own sign-in; null where only HS256 counts. */
  signIn: EdgeSignIn | null;
};

/** Whose tokens, for whom, are taken, and the public keys that may have signed them; none before the set was had. */
export type EdgeSignIn = { issuer?: string | undefined; audience?: string | undefined; keys: EdgeSignInKey[] };

/**
 * A key of the shop's JWK set (RFC 7517) that may verify by its `use` and `key_ops`. `kid` and `alg` are null where it has
 * none. `spki` is base64 of its SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in DER; null for a key of no use, which is listed
 * all the same: a token that it could have signed is not for the edge to judge.
 */
export type EdgeSignInKey = {
  kid: string | null;
  alg: string | null;
  kind: 'RSA' | 'P-256' | 'Ed25519' | 'other';
  spki: string | null;
};

/**
 * What a sale's challenge is made of. `leadMs`: it is given from so long before the opening; null: at any time.
 * `questions` are the sale's own; none for a sum, for work, and where nothing is asked.
 */
export type EdgeSaleOffice = { kind: SaleNode['challenge']; leadMs: number | null; questions: EdgeQuestion[] };

/**
 * `json`: `"question":…,"questions":…`, as a challenge holds the two. `seal`: the text that is sealed, up to the answer
 * (gateway/tickets/quiz.ts).
 */
export type EdgeQuestion = { json: string; seal: string; sealedAnswers: string[] };
