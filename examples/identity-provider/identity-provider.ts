import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Configuration, Provider } from 'oidc-provider';

/** What a token is for: its `aud`, which the gateway is told as SECKILL_SIGN_IN_AUDIENCE. */
const audience = 'urn:example:sale';
const clientId = 'sale-pages';
const cookieOf = (state: string) => `sign-in-${state}=begun`;
const random = () => randomBytes(32).toString('base64url');

export type IdentityProvider = {
  /** The settings that `seckill up` is to be started with. */
  settings: Record<string, string>;
  stop: () => Promise<void>;
};

/**
 * An OpenID provider, and beside it the page that SECKILL_SIGN_IN_URL names: `/sign-in?returnTo=<page>` signs the shopper
 * in by the authorization code flow with PKCE, and leads back to `<page>#token=<access token>`. On 127.0.0.1.
 *
 * @param isShop whether an origin is the shop's: a token goes nowhere else.
 * @param port 0: a free one is taken.
 */
export async function startIdentityProvider(isShop: (origin: string) => boolean, port = 0): Promise<IdentityProvider> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => refuse(response, 500, String(error)));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
  const callback = `${issuer}/callback`;
  const provider = new Provider(issuer, configuration(callback));
  const oidc = provider.callback();
  /** Sign-ins that have begun, by their `state`, for ten minutes. */
  const begun = new Map<string, { returnTo: string; verifier: string }>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer);
    if (pathname === '/sign-in') begin(response, searchParams.get('returnTo') ?? '');
    else if (pathname === '/callback') await finish(request, response, searchParams);
    else if (pathname.startsWith('/name/')) await askName(request, response);
    else await oidc(request, response);
  }

  function begin(response: ServerResponse, returnTo: string): void {
    // A token that is sent to any address that a link names is a token given away.
    if (!URL.canParse(returnTo) || !isShop(new URL(returnTo).origin)) {
      refuse(response, 400, 'returnTo is no page of the shop.');
      return;
    }
    const [state, verifier] = [random(), random()];
    begun.set(state, { returnTo, verifier });
    setTimeout(() => begun.delete(state), 600_000).unref();
    const asked = new URLSearchParams({
      ...{
        client_id: clientId,
        response_type: 'code',
        redirect_uri: callback,
        scope: 'openid buy',
        resource: audience,
      },
      ...{ state, code_challenge_method: 'S256' },
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    });
    // Only the browser that began may end it.
    const cookie = `${cookieOf(state)}; Path=/callback; Max-Age=600; HttpOnly; SameSite=Lax`;
    response.setHeader('Set-Cookie', cookie);
    redirect(response, `${issuer}/auth?${asked}`);
  }

  async function finish(request: IncomingMessage, response: ServerResponse, came: URLSearchParams): Promise<void> {
    const state = came.get('state') ?? '';
    const mine = begun.get(state);
    begun.delete(state);
    if (mine === undefined || !request.headers.cookie?.split('; ').includes(cookieOf(state)))
      return refuse(response, 400, 'This sign-in was begun elsewhere, or too long ago. Begin again in the shop.');
    const code = came.get('code');
    if (code === null) return redirect(response, mine.returnTo); // it was refused: the shop's page says that nobody came
    const exchange = new URLSearchParams({
      ...{ client_id: clientId, grant_type: 'authorization_code', redirect_uri: callback, resource: audience },
      ...{ code, code_verifier: mine.verifier },
    });
    const reply = await fetch(`${issuer}/token`, { method: 'POST', body: exchange, signal: AbortSignal.timeout(5000) });
    const { access_token: token } = (await reply.json()) as { access_token?: string }; // OAuth 2.0, RFC 6749, 5.1
    if (token === undefined) return refuse(response, 502, 'The provider gave no token.');
    // The fragment: a browser sends it to no server, so it stands in no log.
    const back = new URL(mine.returnTo);
    back.hash = `token=${token}`;
    redirect(response, back.href);
  }

  /** A toy: who types a name is that user. Here a real one asks for a password, a passkey or a code. */
  async function askName(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return send(response, 200, namePage);
    const accountId = new URLSearchParams(await text(request)).get('name')?.trim() ?? '';
    if (accountId === '') return send(response, 200, namePage);
    await provider.interactionFinished(request, response, { login: { accountId } });
  }

  return {
    settings: {
      SECKILL_SIGN_IN_URL: `${issuer}/sign-in?returnTo={returnTo}`,
      SECKILL_SIGN_IN_JWKS_URL: `${issuer}/jwks`,
      SECKILL_SIGN_IN_ISSUER: issuer,
      SECKILL_SIGN_IN_AUDIENCE: audience,
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function configuration(callback: string): Configuration {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return {
    // Made anew at each start, and kept in memory. A `kid` and ES256: nginx verifies such a token itself.
    jwks: { keys: [{ ...key, kid: random(), alg: 'ES256', use: 'sig' }] },
    cookies: { keys: [random()] },
    clients: [
      {
        ...{ client_id: clientId, token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' },
        ...{ redirect_uris: [callback], grant_types: ['authorization_code'], response_types: ['code'] },
      },
    ],
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          ...{ scope: 'buy', audience, accessTokenFormat: 'jwt', accessTokenTTL: 3600 },
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    interactions: { url: (_context, { uid }) => `/name/${uid}` },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    // The shop's own pages need no consent.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId, accountId: oidc.session?.accountId });
      grant.addOIDCScope('openid');
      grant.addResourceScope(audience, 'buy');
      await grant.save();
      return grant;
    },
    ttl: { Session: 3600, Interaction: 600, Grant: 3600, IdToken: 600, AccessToken: 3600 },
  };
}

const namePage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>Sign in</title><h1>Sign in</h1><p>An example: whoever types a name is that shopper.</p>
<form method="post"><label>Name <input name="name" required maxlength="64" autocomplete="username" autofocus></label>
<button>Sign in</button></form></html>`;

function send(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }).end(html);
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  if (!response.headersSent) response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(sentence);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { Location: location, 'Cache-Control': 'no-store' }).end();
}
