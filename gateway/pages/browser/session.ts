import type { Call, CallOptions, Method, Reply } from './api.ts';
import type { ShopSignIn } from './sign-in.ts';
import type { Store } from './store.ts';
import { claimsOf, isUsable, keepToken } from './token.ts';

export type Session = {
  isSignedIn(): boolean;
  /** Where the shopper has to go to sign in; null while nothing is missing, or where the pages lead to no sign-in. */
  signInAddress(): string | null;
  /**
   * Who that is: the token's `sub` (RFC 7519). It stays when the token has ended, so that what this shopper prepared
   * is still there after the next sign-in. Null when nobody is signed in.
   */
  userId(): string | null;
  /** As the signed-in shopper; signs in first when nobody is, and once more when the token is no longer taken. */
  call<Body>(method: Method, path: string, options?: CallOptions): Promise<Reply<Body>>;
  /** Opens what is read as it comes, as the shopper who is signed in. Rejects like `fetch`. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
};

const strange = { kind: 'refused', status: 401, code: 'UNAUTHENTICATED', retryAfterMs: null } as const;

/**
 * `shop`: the shop's own sign-in, to which a page sends its shopper; without it, the demo's makes a new user each time.
 * `onSignIn`: the demo's has been asked.
 */
export function createSession(
  call: Call,
  store: Store,
  request: typeof fetch,
  shop: { signIn: ShopSignIn; now: () => number } | null = null,
  onSignIn = () => {},
): Session {
  let signingIn: Promise<Reply<{ token: string }>> | null = null;
  /** The token that the server takes no more. */
  let refused: string | null = null;

  const hasEnded = (text: string) =>
    shop !== null && (text === refused || (claimsOf(text)?.endsAtMs ?? Number.POSITIVE_INFINITY) <= shop.now());

  function token(): string | null {
    const kept = store.read<string>('token');
    const sent = shop?.signIn.cookie();
    if (sent === undefined || sent === kept) return kept;
    if (sent !== null && isUsable(sent)) {
      keepToken(store, sent);
      return sent;
    }
    // The cookie is gone: with its token, which has ended, or before it, because the shopper signed out.
    if (kept === null || hasEnded(kept)) return kept;
    keepToken(store, null);
    return null;
  }

  async function signIn(): Promise<Reply<{ token: string }>> {
    if (shop !== null) return strange;
    const before = token();
    signingIn ??= call<{ token: string }>('POST', '/api/session').finally(() => {
      signingIn = null;
    });
    const reply = await signingIn;
    // Another tab may have signed in meanwhile: one browser is one shopper, or that tab's order would be a stranger's here.
    if (reply.kind === 'ok' && token() === before) keepToken(store, reply.body.token);
    onSignIn();
    // No sign-in here (it is off in production): the shop's own comes first.
    const isOff = reply.kind === 'refused' && (reply.code === 'NOT_FOUND' || reply.code === 'FORBIDDEN');
    if (isOff) return { ...reply, code: 'UNAUTHENTICATED' };
    return reply;
  }

  const withToken = <Body>(text: string | null, method: Method, path: string, options: CallOptions) =>
    call<Body>(method, path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${text}` } });

  const isSignedIn = () => {
    const text = token();
    return text !== null && !hasEnded(text);
  };

  return {
    isSignedIn,
    signInAddress: () => (shop === null || isSignedIn() ? null : shop.signIn.address()),
    userId: () => claimsOf(token() ?? '')?.userId ?? null,
    open: (path, headers, signal) =>
      request(path, { headers: { ...headers, Authorization: `Bearer ${token()}` }, cache: 'no-store', signal }),
    async call<Body>(method: Method, path: string, options: CallOptions = {}): Promise<Reply<Body>> {
      const text = token();
      if (text !== null && text !== refused) {
        const reply = await withToken<Body>(text, method, path, options);
        if (reply.kind !== 'refused' || reply.code !== 'UNAUTHENTICATED') return reply;
        if (shop !== null) refused = text;
      }
      const signedIn = await signIn();
      return signedIn.kind === 'ok' ? withToken<Body>(token(), method, path, options) : signedIn;
    },
  };
}
