import {
  type BulkheadPolicy,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  type TimeoutPolicy,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import { type PaymentProvider, ProviderFault } from './provider.ts';

export type GuardedProvider = PaymentProvider & { isOpen: () => boolean };

/**
 * The same provider with a deadline on each call, a bound on calls under way, and a breaker: after `faultsInARow` faults
 * every call is refused at once for `restMs`, then one is let through to see. A provider that hangs costs each caller
 * `deadlineMs` a few times, not every time. What it throws is always a {@link ProviderFault}.
 */
export function guardProvider(
  provider: PaymentProvider,
  options: { deadlineMs: number; atOnce?: number; faultsInARow?: number; restMs?: number },
): GuardedProvider {
  const { deadlineMs, atOnce = 64, faultsInARow = 5, restMs = 2000 } = options;
  const breaker: CircuitBreakerPolicy = circuitBreaker(handleType(ProviderFault), {
    halfOpenAfter: restMs,
    breaker: new ConsecutiveBreaker(faultsInARow),
  });
  const crowd: BulkheadPolicy = bulkhead(atOnce, 0);
  const deadline: TimeoutPolicy = timeout(deadlineMs, TimeoutStrategy.Aggressive);
  const policy = wrap(crowd, breaker);

  /** Inside the breaker, which counts faults: a missed deadline must be one. */
  const within = <T>(call: (signal: AbortSignal) => Promise<T>) =>
    deadline
      .execute(({ signal }) => call(signal))
      .catch((error: unknown) => {
        if (error instanceof ProviderFault) throw error;
        throw new ProviderFault('unknown', isTaskCancelledError(error) ? `no answer within ${deadlineMs} ms` : error);
      });
  const guarded = <T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    policy
      .execute(() => within(call))
      .catch((error: unknown) => {
        const isTurnedAway = isBrokenCircuitError(error) || isBulkheadRejectedError(error);
        throw isTurnedAway ? new ProviderFault('unavailable', error, Math.ceil(restMs / 1000)) : error;
      });

  return {
    createPayment: (request) => guarded((signal) => provider.createPayment(request, signal)),
    findPayment: (payment) => guarded((signal) => provider.findPayment(payment, signal)),
    endPayment: (payment) => guarded((signal) => provider.endPayment(payment, signal)),
    createRefund: (request) => guarded((signal) => provider.createRefund(request, signal)),
    readEvent: provider.readEvent,
    webhookReply: provider.webhookReply,
    isOpen: () => breaker.state === CircuitState.Open,
  };
}
