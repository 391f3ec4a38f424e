import type { Call, CallOptions, Reply } from './api.ts';
import type { Store } from './store.ts';

export type Session = {
  isSignedIn(): boolean;
  /** As the signed-in shopper; signs in first when nobody is, and once more when the token is no longer taken. */
  call<Body>(method: 'GET' | 'POST', path: string, options?: CallOptions): Promise<Reply<Body>>;
};

export function createSession(call: Call, store: Store): Session {
  let signingIn: Promise<Reply<{ token: string }>> | null = null;
  const token = () => store.read<string>('token');

  async function signIn(): Promise<Reply<{ token: string }>> {
    signingIn ??= call<{ token: string }>('POST', '/api/session').finally(() => {
      signingIn = null;
    });
    const reply = await signingIn;
    if (reply.kind === 'ok') store.write('token', reply.body.token);
    // No sign-in here (it is off in production): the shop's own comes first.
    if (reply.kind === 'refused' && reply.code === 'NOT_FOUND') return { ...reply, code: 'UNAUTHENTICATED' };
    return reply;
  }

  const withToken = <Body>(method: 'GET' | 'POST', path: string, options: CallOptions) =>
    call<Body>(method, path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token()}` } });

  return {
    isSignedIn: () => token() !== null,
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
