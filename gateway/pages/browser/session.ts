import type { Call, CallOptions, Reply } from './api.ts';
import type { Store } from './store.ts';

export type Session = {
  isSignedIn(): boolean;
  /** Who that is: the token's `sub` (RFC 7519). Null when nobody is signed in. */
  userId(): string | null;
  /** As the signed-in shopper; signs in first when nobody is, and once more when the token is no longer taken. */
  call<Body>(method: 'GET' | 'POST', path: string, options?: CallOptions): Promise<Reply<Body>>;
  /** Opens what is read as it comes, as the shopper who is signed in. Rejects like `fetch`. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
};

/** Only read, never trusted: the server looks at the signature. */
function subjectOf(token: string): string | null {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub);
  } catch {
    return null;
  }
}

export function createSession(call: Call, store: Store, request: typeof fetch): Session {
  let signingIn: Promise<Reply<{ token: string }>> | null = null;
  const token = () => store.read<string>('token');

  async function signIn(): Promise<Reply<{ token: string }>> {
    const before = token();
    signingIn ??= call<{ token: string }>('POST', '/api/session').finally(() => {
      signingIn = null;
    });
    const reply = await signingIn;
    // Another tab may have signed in meanwhile: one browser is one shopper, or that tab's order would be a stranger's here.
    if (reply.kind === 'ok' && token() === before) store.write('token', reply.body.token);
    // No sign-in here (it is off in production): the shop's own comes first.
    const isOff = reply.kind === 'refused' && (reply.code === 'NOT_FOUND' || reply.code === 'FORBIDDEN');
    if (isOff) return { ...reply, code: 'UNAUTHENTICATED' };
    return reply;
  }

  const withToken = <Body>(method: 'GET' | 'POST', path: string, options: CallOptions) =>
    call<Body>(method, path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token()}` } });

  return {
    isSignedIn: () => token() !== null,
    userId: () => subjectOf(token() ?? ''),
    open: (path, headers, signal) =>
      request(path, { headers: { ...headers, Authorization: `Bearer ${token()}` }, cache: 'no-store', signal }),
    async call<Body>(method: 'GET' | 'POST', path: string, options: CallOptions = {}): Promise<Reply<Body>> {
      if (token() !== null) {
        const reply = await withToken<Body>(method, path, options);
        if (reply.kind !== 'refused' || reply.code !== 'UNAUTHENTICATED') return reply;
      }
      const signedIn = await signIn();
      return signedIn.kind === 'ok' ? withToken<Body>(method, path, options) : signedIn;
    },
  };
}
