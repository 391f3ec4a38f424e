import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { chunkJobs, maxChunkTries } from '#contract/order-chunk.ts';
import { createLogger } from '#runtime/logger.ts';
import { createEndJob } from './end-job.ts';
import { openJob, ownJob } from './taken-job.ts';

const orders: AcceptedOrder[] = Array.from({ length: 4 }, (_, nth) => ({
  ...{ orderId: newOrderId('tea', 1), saleId: 'tea', userId: `u-${nth}`, quantity: 1, place: nth + 1, acceptedAt: 1 },
}));

/** A chunk of four orders, and what is done with it. */
function chunk(attemptsMade = 0) {
  const [job] = chunkJobs('tea', orders);
  const { taken } = openJob({ id: job?.opts.jobId, data: job?.data, attemptsMade } as Job);
  const steps: string[] = [];
  const note =
    (step: string) =>
    async (_job: unknown, ...more: unknown[]) =>
      void steps.push([step, ...more.filter((it) => typeof it !== 'object')].join(' '));
  const endJob = createEndJob({
    orderQueue: {
      ...{ complete: note('complete'), tellDone: note('done'), fail: note('fail'), giveBack: note('give back') },
      giveBackRest: async (_job, _saleId, rest) => void steps.push(`give back ${rest.length}`),
      addOwn: async (jobs) => void steps.push(`own ${jobs.map(({ jobId }) => jobId).join()}`),
    },
    logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
    onPoison: () => steps.push('poison'),
  });
  return { taken, steps, endJob };
}

test('a chunk is completed when each of its orders is done, and tells until then how many are', async () => {
  const { taken, steps, endJob } = chunk();
  Object.assign(taken, { next: 4, underWay: 1, done: 3 });
  await endJob.goOn(taken);
  Object.assign(taken, { underWay: 0, done: 4 });
  await endJob.goOn(taken);
  await endJob.goOn(taken);
  expect(steps).toEqual(['done 3', 'complete']);
});

test('a chunk that leaves goes back as it was, or as what is left of it', async () => {
  for (const [done, step] of [
    [0, 'give back'],
    [3, 'give back 1'],
  ] as const) {
    const { taken, steps, endJob } = chunk();
    Object.assign(taken, { next: done, done, isLeaving: true });
    await endJob.goOn(taken);
    expect(steps).toEqual([step]);
  }
});

test('a chunk that failed is tried again, and at last each order that is left goes on alone', async () => {
  const last = maxChunkTries - 1;
  for (const [attemptsMade, ...wanted] of [
    [last - 1, 'fail'],
    [last, `own ${orders[1]?.orderId},${orders[2]?.orderId},${orders[3]?.orderId}`, 'complete'],
  ] as const) {
    const { taken, steps, endJob } = chunk(attemptsMade);
    Object.assign(taken, { next: 2, done: 1, failed: [orders[1]], fault: new Error('no') });
    await endJob.goOn(taken);
    expect(steps).toEqual(wanted);
  }
});

test('an order whose own job could not be made goes not with its chunk: the chunk is tried again, however often (I3)', async () => {
  const { taken, steps, endJob } = chunk(1000);
  Object.assign(taken, { next: 4, done: 3, fault: new Error('OOM command not allowed') });
  await endJob.goOn(taken);
  expect(steps).toEqual(['fail']);
});

test('the job of one order is given up with it', async () => {
  const { endJob, steps } = chunk();
  const [order] = orders;
  if (order === undefined) throw new Error('no order');
  const { taken } = openJob({ id: order.orderId, data: order } as Job);
  await endJob.refuse(taken, [{ ...ownJob(order), reason: 'its sale is gone' }]);
  await endJob.goOn(taken);
  expect(steps).toEqual(['poison', 'fail']);
});
