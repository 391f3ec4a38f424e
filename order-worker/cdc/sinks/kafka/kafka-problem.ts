import { ConfigError } from '#runtime/config.ts';

/** Kafka's own names of what a person has to mend, and what that is. */
const mends: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'let its user describe, create and write the topics seckill.*',
  CLUSTER_AUTHORIZATION_FAILED: 'let its user create topics, or create them yourself',
  GROUP_AUTHORIZATION_FAILED: 'let its user read the group seckill-cdc',
  SASL_AUTHENTICATION_FAILED: 'check user and password in SECKILL_CDC_KAFKA_URL',
  UNSUPPORTED_SASL_MECHANISM: 'name another mechanism in SECKILL_CDC_KAFKA_URL',
  ILLEGAL_SASL_STATE: 'check user and password in SECKILL_CDC_KAFKA_URL',
  INVALID_TOPIC_EXCEPTION: 'create the topics seckill.* yourself',
  INVALID_PARTITIONS: 'create the topics seckill.* yourself',
  INVALID_REPLICATION_FACTOR: 'create the topics seckill.* yourself, or start more brokers',
  POLICY_VIOLATION: 'create the topics seckill.* as its policy wants them',
  INVALID_CONFIG: 'create the topics seckill.* yourself',
};

/** Every error that this one stands on, its own first. */
function* chain(error: unknown): Generator<Error & { apiId?: string; code?: string }> {
  if (!(error instanceof Error)) return;
  yield error;
  if (error instanceof AggregateError) for (const each of error.errors) yield* chain(each);
  yield* chain(error.cause);
}

/** Kafka's name of what it answered, `MESSAGE_TOO_LARGE` for example; null where it gave no answer. */
export function kafkaAnswer(error: unknown): string | null {
  for (const each of chain(error)) if (typeof each.apiId === 'string') return each.apiId;
  return null;
}

/** ConfigError for what a person has to mend, else an Error in one line. `what` was being done. */
export function kafkaProblem(what: string, error: unknown): Error {
  const answers = [...chain(error)];
  for (const { apiId, code, message } of answers) {
    const mend = apiId === undefined ? undefined : mends[apiId];
    if (mend !== undefined) return new ConfigError([`${what}: Kafka answers ${apiId}: ${mend}`]);
    if (code === 'PLT_KFK_AUTHENTICATION')
      return new ConfigError([`${what}: Kafka refuses the sign-in (${message}): ${mends.SASL_AUTHENTICATION_FAILED}`]);
    if (code !== undefined && /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT)/.test(code))
      return new ConfigError([
        `${what}: the certificate of Kafka is not trusted (${code}): set SECKILL_CDC_KAFKA_CA_FILE`,
      ]);
  }
  const deepest =
    answers.find(({ code }) => /^E[A-Z]+$/.test(code ?? '')) ?? answers.find(({ apiId }) => apiId) ?? answers.at(-1);
  return new Error(
    `${what}: ${deepest?.apiId ?? deepest?.code ?? ''} ${deepest?.message ?? String(error)}`.replace(':  ', ': '),
    {
      cause: error,
    },
  );
}
