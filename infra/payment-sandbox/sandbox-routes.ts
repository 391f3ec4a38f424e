import type { ProtocolPayment, ProtocolRefund } from '#contract/payment-protocol.ts';

/** Beside the payment protocol: how the sandbox is told to behave, and what it has in its books. */
export const sandboxRoutes = {
  behaviour: '/sandbox/behaviour',
  books: '/sandbox/books',
  settle: '/sandbox/payments/:reference/settle',
  /** The page on which a shopper pays; it needs no API key. */
  page: '/pay/:pageId',
} as const;

/** `GET /sandbox/books?orders=<prefix>`: the money as the provider has it. `taken` and `returned` in minor units. */
export type SandboxBooks = {
  payments: ProtocolPayment[];
  refunds: ProtocolRefund[];
  taken: number;
  returned: number;
};
