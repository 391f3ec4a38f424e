import type { OrderCloudEvent } from '#contract/cloud-events.ts';
import type { Answer } from './answer.ts';
import { createBatches } from './batches.ts';
import type { Endpoint } from './endpoint.ts';
import { batchMessageOf, messageOf } from './event-message.ts';
import type { Sender } from './sender.ts';

/** Sends to one subscriber as it wants to be served: one event a request, or many of many orders together. */
export function chooseSender(options: {
  endpoint: Pick<Endpoint, 'post'>;
  secrets: readonly string[];
  batchSize: number;
  /** Requests at a time; batches only, a single event is its job's own request. */
  concurrency: number;
  onAnswer: (answer: Answer, events: number) => void;
  now: () => number;
}): Sender {
  const { endpoint, secrets, batchSize, concurrency, onAnswer, now } = options;

  async function post(events: readonly OrderCloudEvent[]): Promise<Answer> {
    const [first] = events;
    const isSingle = batchSize === 1 && first !== undefined;
    const { body, headers } = isSingle ? messageOf(first, secrets, now()) : batchMessageOf(events, secrets, now());
    const answer = await endpoint.post(body, headers);
    onAnswer(answer, events.length);
    return answer;
  }

  if (batchSize > 1) return createBatches({ post, maxEvents: batchSize, concurrency });
  return {
    send: async (events) => {
      for (const [index, event] of events.entries()) {
        const answer = await post([event]);
        if (answer.kind !== 'delivered') return { done: index, failure: answer };
      }
      return { done: events.length, failure: null };
    },
  };
}
