/** What came back of one request, as a shopper reads it. `retryAfterSeconds`: 0 when nothing was said. */
export type Answer = { status: number; body: Record<string, unknown>; retryAfterSeconds: number };
