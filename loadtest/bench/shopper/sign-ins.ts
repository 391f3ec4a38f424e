import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { SignIn } from '#infra/capacity/shopper-costs.ts';

/** Signs a token of one sign-in for a user. */
export type SignToken = (signIn: SignIn, userId: string) => string;

const lifetimeSeconds = 12 * 3600;
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * A shop's sign-in with a key of each kind, whose public halves a server of its own gives out as a JWK set (RFC 7517), and
 * tokens by each (RFC 7515, RFC 7518). HS256 is signed with the session secret of the stack, which is told later.
 */
export async function startSignIns() {
  const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pairs = {
    RS256: rsa(),
    PS256: rsa(),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: generateKeyPairSync('ed25519'),
  };
  const signatures: Record<keyof typeof pairs, (key: KeyObject, text: Buffer) => Buffer> = {
    RS256: (key, text) => sign('sha256', text, key),
    PS256: (key, text) => sign('sha256', text, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
    ES256: (key, text) => sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }),
    EdDSA: (key, text) => sign(null, text, key),
  };
  const keys = Object.entries(pairs).map(([alg, { publicKey }]) => ({
    ...publicKey.export({ format: 'jwk' }),
    ...{ kid: `bench-${alg}`, alg, use: 'sig' },
  }));
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the key server has no port');

  const signer =
    (sessionSecret: string): SignToken =>
    (signIn, userId) => {
      const header = { alg: signIn, typ: 'JWT', ...(signIn === 'HS256' ? {} : { kid: `bench-${signIn}` }) };
      const issuedAt = Math.floor(Date.now() / 1000);
      const text = `${encode(header)}.${encode({ sub: userId, iat: issuedAt, exp: issuedAt + lifetimeSeconds })}`;
      const signature =
        signIn === 'HS256'
          ? createHmac('sha256', sessionSecret).update(text).digest()
          : signatures[signIn](pairs[signIn].privateKey, Buffer.from(text));
      return `${text}.${signature.toString('base64url')}`;
    };
  return {
    jwksUrl: `http://127.0.0.1:${address.port}/jwks.json`,
    signer,
    stop: async (): Promise<void> => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
