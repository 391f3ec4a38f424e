import { readFileSync } from 'node:fs';
import { Admin, type BaseOptions, Consumer, Producer } from '@platformatic/kafka';
import type { KafkaPlace } from '#contract/addresses.ts';
import { type CdcTable, cdcPositionTopic, cdcTableNames, cdcTopic } from '#contract/cdc.ts';
import { ConfigError } from '#runtime/config.ts';
import { withDeadline } from '#runtime/deadline.ts';
import type { Logger } from '#runtime/logger.ts';
import { laterPosition } from '../../port/position.ts';
import { setAside } from '../../port/set-aside.ts';
import { type CdcChange, type CdcSink, type SetAside, type SinkPosition, sinkPositionSchema } from '../../port/sink.ts';
import { kafkaAnswer, kafkaProblem } from './kafka-problem.ts';

const gatherMs = 100;
/** A broker's own limit is 1 MB for what goes to one partition at once, unless it is set. */
const maxBytes = 700_000;
const withinMs = 10_000;
/** The last few positions are looked at: a process that woke up late may have written an older one. */
const lastPositions = 20n;
/** Answers about what was sent, not about the one that takes it. */
const refusals: ReadonlySet<string | null> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']);

type Message = { topic: string; key: Buffer; value: Buffer; change: CdcChange };

/**
 * Kafka: a topic a table, keyed by the order id, and one of one partition for the position. Each part is acknowledged by all in-sync
 * replicas before the next is sent. A lost answer leads to doubles.
 */
export function createKafkaSink(options: {
  place: KafkaPlace;
  caFile?: string | undefined;
  /** The key of the position. */
  slot: string;
  logger: Logger;
}): CdcSink {
  const { place, slot, logger } = options;
  const name = `Kafka at ${place.brokers.join(', ')}`;
  let clients: ReturnType<typeof connect> | null = null;
  /** Topics of tables that are gone, although the sink had them: what they held is missing, until a snapshot is written. */
  let lost: string[] = [];

  function connect() {
    const base: BaseOptions = {
      clientId: 'seckill-cdc',
      bootstrapBrokers: [...place.brokers],
      ...{ connectTimeout: 3000, requestTimeout: withinMs, timeout: withinMs - 2000, retries: 2, retryDelay: 250 },
      ...(place.tls ? { tls: tlsOf(options.caFile) } : {}),
      ...(place.sasl === null ? {} : { sasl: { ...place.sasl } }),
    };
    return {
      admin: new Admin(base),
      // One request at a time: what is sent again comes before what follows it.
      producer: new Producer({ ...base, acks: -1, compression: 'gzip', maxInflights: 1, autocreateTopics: false }),
      consumer: new Consumer({ ...base, groupId: 'seckill-cdc', autocommit: false }),
    };
  }

  const opened = () => {
    if (clients === null) throw new Error('the sink is not open');
    return clients;
  };

  async function close(): Promise<void> {
    const open = clients;
    clients = null;
    if (open === null) return;
    await Promise.all(
      Object.values(open).map((client) =>
        withDeadline(Promise.resolve(client.close()), 2000, 'closing a client of Kafka').catch(() => undefined),
      ),
    );
  }

  const makeTables = (topics: string[]) =>
    within(opened().admin.createTopics({ topics }), `making the topics ${topics.join(', ')}`);

  /**
   * Topics that are there stay as they are. The position's is made last: where it is there and a table's is not, that one was deleted, and
   * an empty one in its place would pass for whole.
   */
  async function makeTopics(): Promise<void> {
    const { admin } = opened();
    const there = new Set(await within(admin.listTopics(), 'its list of topics'));
    const tables = cdcTableNames.map(cdcTopic).filter((topic) => !there.has(topic));
    lost = there.has(cdcPositionTopic) ? tables : [];
    if (there.has(cdcPositionTopic)) return;
    if (tables.length > 0) await makeTables(tables);
    await within(
      admin.createTopics({
        topics: [cdcPositionTopic],
        partitions: 1,
        configs: [{ name: 'cleanup.policy', value: 'compact' }],
      }),
      `making the topic ${cdcPositionTopic}`,
    );
  }

  const within = <T>(work: Promise<T>, what: string): Promise<T> =>
    withDeadline(work, withinMs, what).catch((error: unknown) => {
      throw kafkaProblem(`${name}: ${what}`, error);
    });

  async function readPosition(): Promise<SinkPosition | null> {
    const { consumer } = opened();
    const metadata = await within(consumer.metadata({ topics: [cdcPositionTopic] }), 'its topics');
    const topic = metadata.topics.get(cdcPositionTopic);
    const [partition] = topic?.partitions ?? [];
    if (topic === undefined || partition === undefined) return null;
    const endOf = async (timestamp: bigint) => {
      const offsets = await within(
        consumer.listOffsets({ topics: [cdcPositionTopic], timestamp }),
        'where its topics end',
      );
      return offsets.get(cdcPositionTopic)?.[0] ?? 0n;
    };
    const [first, end] = [await endOf(-2n), await endOf(-1n)];
    let latest: SinkPosition | null = null;
    for (let offset = end - lastPositions > first ? end - lastPositions : first; offset < end; ) {
      const part = {
        partition: 0,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        fetchOffset: offset,
        partitionMaxBytes: 1 << 20,
      };
      const answer = await within(
        consumer.fetch({
          node: partition.leader,
          topics: [{ topicId: topic.id, partitions: [part] }],
          maxWaitTime: 1000,
        }),
        'reading the position',
      );
      let next = offset;
      for (const batch of answer.responses[0]?.partitions[0]?.records ?? []) {
        for (const record of batch.records) {
          const at = batch.firstOffset + BigInt(record.offsetDelta);
          if (at < offset) continue;
          next = at + 1n;
          const position = positionIn(record.value);
          if (position !== null) latest = laterPosition(latest, position);
        }
      }
      if (next === offset) break; // what is left was compacted away
      offset = next;
    }
    return latest;
  }

  async function send(messages: readonly Message[]): Promise<SetAside[]> {
    try {
      await within(
        opened().producer.send({ messages: messages.map(({ topic, key, value }) => ({ topic, key, value })) }),
        'writing',
      );
      return [];
    } catch (error) {
      if (!refusals.has(kafkaAnswer(error))) throw error;
      const [only] = messages;
      if (messages.length > 1 || only === undefined) {
        const half = Math.ceil(messages.length / 2);
        return [...(await send(messages.slice(0, half))), ...(await send(messages.slice(half)))];
      }
      const why = `Kafka answers ${kafkaAnswer(error)} to ${only.value.length} bytes`;
      if (only.change.envelope.setAside !== undefined) throw error; // not even the key is taken
      logger.warn(
        { table: only.change.table, orderId: only.change.orderId },
        `a row is written by its key alone: ${why}`,
      );
      await send([messageOf(setAside(only.change, why))]);
      return [{ change: only.change, why }];
    }
  }

  return {
    name,
    gatherMs,
    check: async () => {
      const open = clients !== null;
      clients ??= connect();
      try {
        await makeTopics();
      } finally {
        if (!open) await close();
      }
    },
    open: async () => {
      clients ??= connect();
      await makeTopics();
    },
    position: async () => (lost.length > 0 ? null : readPosition()),
    write: async (changes, position) => {
      if (lost.length > 0) await makeTables(lost);
      lost = [];
      const refused: SetAside[] = [];
      for (const part of parts(changes.map(messageOf))) refused.push(...(await send(part)));
      if (position !== null) {
        const value = Buffer.from(JSON.stringify(position));
        // Where it is read, however many partitions the topic was made with.
        const message = { topic: cdcPositionTopic, key: Buffer.from(slot), value, partition: 0 };
        await within(opened().producer.send({ messages: [message] }), 'writing the position');
      }
      return { setAside: refused };
    },
    close,
  };
}

const topics = Object.fromEntries(cdcTableNames.map((table) => [table, cdcTopic(table)])) as Record<CdcTable, string>; // every table's

const messageOf = (change: CdcChange): Message => ({
  topic: topics[change.table],
  key: Buffer.from(change.orderId),
  value: Buffer.from(JSON.stringify(change.envelope)),
  change,
});

function* parts(messages: readonly Message[]): Generator<Message[]> {
  let part: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (part.length > 0 && bytes + message.value.length > maxBytes) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(message);
    bytes += message.value.length;
  }
  if (part.length > 0) yield part;
}

function positionIn(value: Buffer | null): SinkPosition | null {
  try {
    return sinkPositionSchema.safeParse(JSON.parse(String(value))).data ?? null;
  } catch {
    return null;
  }
}

function tlsOf(caFile: string | undefined): { ca?: Buffer } {
  if (caFile === undefined) return {};
  try {
    return { ca: readFileSync(caFile) };
  } catch (error) {
    throw new ConfigError([
      `SECKILL_CDC_KAFKA_CA_FILE, ${caFile}: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
}
