import { Admin, Consumer } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { kafkaPlace } from '#contract/addresses.ts';
import { type CdcEnvelope, cdcTopic } from '#contract/cdc.ts';
import { poll } from '#lab/poll.ts';
import { findKafka, type KafkaServer, startKafka } from '#lab/servers/kafka.ts';
import { ConfigError } from '#runtime/config.ts';
import { createLogger } from '#runtime/logger.ts';
import type { CdcChange, SinkPosition } from '../../port/sink.ts';
import { createKafkaSink } from './kafka-sink.ts';

const files = findKafka();
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

const sinkAt = (url: string) => {
  const sink = createKafkaSink({ place: kafkaPlace.parse(url), slot: 'seckill_cdc', logger });
  onTestFinished(sink.close);
  return sink;
};

const change = (orderId: string, seq: number, more: Partial<CdcEnvelope> = {}): CdcChange => ({
  table: 'orders',
  orderId,
  envelope: {
    before: null,
    after: { id: orderId, version: seq },
    op: 'c',
    ts_ms: 1,
    source: {
      ...{ connector: 'seckill', name: 'seckill', db: 'd', schema: 'public', table: 'orders' },
      ...{ ts_ms: 1, snapshot: 'false', txId: 1, lsn: 7, seq, generation: 1 },
    },
    ...more,
  },
});

const position = (lsn: string, generation = 1): SinkPosition => ({
  ...{ generation, snapshot: 'done', lsn, system: '1', timeline: 1, request: null },
});

describe.skipIf(files === null)('with a real Kafka (npm run setup:kafka)', () => {
  let kafka: KafkaServer;
  beforeAll(async () => {
    if (files !== null) kafka = await startKafka(files);
  }, 60_000);
  afterAll(() => kafka?.stop());

  /** Every message of a topic, by partition, in order. */
  async function read(topic: string, count: number): Promise<{ key: string; partition: number; value: CdcEnvelope }[]> {
    const consumer = new Consumer({
      clientId: 'test',
      groupId: crypto.randomUUID(),
      bootstrapBrokers: [kafka.address],
    });
    try {
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
      const messages = [];
      for await (const { key, partition, value } of stream) {
        messages.push({ key: String(key), partition, value: JSON.parse(String(value)) });
        if (messages.length === count) break;
      }
      return messages;
    } finally {
      await consumer.close(true);
    }
  }

  test('changes of one order stay in their order, keyed by it; the position is read back, the latest by what it says', async () => {
    const sink = sinkAt(`kafka://${kafka.address}`);
    await sink.open();
    expect(await sink.position()).toBeNull();
    const changes = Array.from({ length: 300 }, (_, at) => change(`s-${at % 30}`, at + 1));
    expect(await sink.write(changes, position('0/20'))).toEqual({ setAside: [] });
    await sink.write([], position('0/10')); // of a process that woke up late
    expect(await sink.position()).toEqual(position('0/20'));
    await sink.write([], position('0/5', 2));
    expect(await sink.position()).toEqual(position('0/5', 2));
    const messages = await read(cdcTopic('orders'), 300);
    for (let order = 0; order < 30; order += 1) {
      const own = messages.filter(({ key }) => key === `s-${order}`);
      expect(own.map(({ value }) => value.source.seq)).toEqual(
        changes.filter(({ orderId }) => orderId === `s-${order}`).map(({ envelope }) => envelope.source.seq),
      );
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
    }
  });

  test('a table’s topic that was deleted is not made anew by who looks, and the sink is empty until a snapshot is written', async () => {
    const own = await startKafka(files as NonNullable<typeof files>);
    onTestFinished(() => own.stop());
    const url = `kafka://${own.address}`;
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [own.address] });
    onTestFinished(() => admin.close());
    // As an administrator may make it who makes all of them alike.
    await admin.createTopics({
      topics: ['seckill.orders', 'seckill.order_events', 'seckill.payments', 'seckill.refunds'],
    });
    await admin.createTopics({ topics: ['seckill.cdc'], partitions: 3 });
    await poll('the topics to be there', async () => (await admin.listTopics()).includes('seckill.cdc'));
    const sink = sinkAt(url);
    await sink.open();
    await sink.write([change('s-1', 1)], position('0/1'));
    expect(await sink.position()).toEqual(position('0/1'));
    await sink.close();
    await admin.deleteTopics({ topics: ['seckill.orders'] });
    await poll('the topic to be gone', async () => !(await admin.listTopics()).includes('seckill.orders'));
    const standby = sinkAt(url);
    await standby.check();
    const next = sinkAt(url);
    await next.open();
    expect(await next.position()).toBeNull();
    expect(await admin.listTopics()).not.toContain('seckill.orders');
    await next.write([], { ...position('0/9', 2), snapshot: 'running' });
    await poll('the topic to be there', async () => (await admin.listTopics()).includes('seckill.orders'));
    expect(await next.position()).toMatchObject({ generation: 2 });
  }, 60_000);

  test('a row that is too large is there by its key, with the reason; the others are there as they are', async () => {
    const sink = sinkAt(`kafka://${kafka.address}`);
    await sink.open();
    const large = change('large', 2, { after: { id: 'large', version: 2, state: crypto.randomUUID().repeat(60_000) } });
    // What gzip makes small is none: random letters.
    const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)));
    const noise = Array.from({ length: 40 }, (_, at) =>
      Buffer.from(bytes.map((byte) => byte ^ (at * 7))).toString('base64'),
    ).join('');
    const refused = change('large', 2, { after: { id: 'large', version: 2, state: noise } });
    const { setAside } = await sink.write([change('small', 1), refused, large, change('small', 3)], null);
    expect(setAside.map(({ change: { orderId }, why }) => [orderId, why.includes('MESSAGE_TOO_LARGE')])).toContainEqual(
      ['large', true],
    );
    const messages = await read(cdcTopic('orders'), 304);
    const stub = messages.find(({ key, value }) => key === 'large' && value.setAside !== undefined);
    expect(stub?.value).toMatchObject({
      after: { id: 'large' },
      setAside: expect.stringContaining('MESSAGE_TOO_LARGE'),
    });
    expect(messages.filter(({ key }) => key === 'small').map(({ value }) => value.source.seq)).toEqual([1, 3]);
  });

  test('a Kafka that is killed is told in one line, and written to when it is back', async () => {
    const sink = sinkAt(`kafka://${kafka.address}`);
    await sink.open();
    await kafka.kill();
    await expect(sink.write([change('later', 1)], position('0/30', 2))).rejects.toThrow(
      /^Kafka at 127\.0\.0\.1:\d+: .*$/,
    );
    await kafka.start();
    await poll('it to be written', () => sink.write([change('later', 1)], position('0/30', 2)).then(() => true));
    expect(await sink.position()).toEqual(position('0/30', 2));
  });

  test('no Kafka there is an error that passes, not one of the configuration', async () => {
    const sink = sinkAt('kafka://127.0.0.1:1');
    const refused = sink.check();
    await expect(refused).rejects.toThrow(/Kafka at 127\.0\.0\.1:1: its list of topics: .*ECONNREFUSED/);
    await expect(refused).rejects.not.toBeInstanceOf(ConfigError);
  });

  test('a Kafka that refuses the user, or the topics, is told in one line with what to do', async () => {
    if (files === null) return; // the whole of this is skipped then
    const jaas =
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_weak="weak-secret" user_admin="x";';
    const strict = await startKafka(files, {
      listener: 'SASL_PLAINTEXT',
      settings: {
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.client.plain.sasl.jaas.config': jaas,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS;User:admin',
      },
    });
    onTestFinished(strict.stop);
    const wrong = sinkAt(`kafka://weak:not-this@${strict.address}?mechanism=PLAIN`);
    await expect(wrong.check()).rejects.toThrow(ConfigError);
    await expect(wrong.check()).rejects.toThrow(/check user and password in SECKILL_CDC_KAFKA_URL/);
    const weak = sinkAt(`kafka://weak:weak-secret@${strict.address}?mechanism=PLAIN`);
    await expect(weak.check()).rejects.toThrow(ConfigError);
    await expect(weak.check()).rejects.toThrow(/Kafka answers \w+_AUTHORIZATION_FAILED: let its user/);
    const strong = sinkAt(`kafka://admin:x@${strict.address}?mechanism=PLAIN`);
    await strong.open();
    expect(await strong.position()).toBeNull();
  });
});
