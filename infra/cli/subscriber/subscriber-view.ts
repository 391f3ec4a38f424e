import type { Answer } from '#order-worker/subscribers/answer.ts';
import type { SubscriberManager, SubscriberState } from '#order-worker/subscribers/manage.ts';
import type { Replay } from '#order-worker/subscribers/replay-store.ts';
import type { Subscriber } from '#order-worker/subscribers/subscriber-store.ts';
import { counted } from '#runtime/counted.ts';
import { table } from '../../text/table.ts';
import { durationText } from './subscriber-options.ts';

/** A subscriber as it is shown: everything but its secrets. */
export function shownSubscriber({ subscriber, counts, outside, backlog }: SubscriberState) {
  const { id: _id, secrets, types, failingSince, createdAt, ...shown } = subscriber;
  return {
    ...shown,
    events: types ?? 'all',
    failingSince: failingSince?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    isRotating: secrets.length > 1,
    backlog,
    queue: { ...counts, outside },
  };
}

export function subscribersTable(states: readonly SubscriberState[], width: number | null): string {
  if (states.length === 0) return 'no subscribers yet: seckill subscriber add <name> <url>';
  return table(
    ['SUBSCRIBER', 'STATE', 'BACKLOG', 'DEAD', 'EVENTS', 'PERSONAL', 'URL'],
    states.map(({ subscriber, counts, backlog }) => [
      subscriber.name,
      stateWord(subscriber),
      backlog,
      counts.dead,
      subscriber.types?.join(',') ?? 'all',
      subscriber.personal ? 'yes' : '-',
      subscriber.url,
    ]),
    width,
  );
}

function stateWord({ state, failingSince }: Subscriber): string {
  return state === 'active' && failingSince !== null ? 'failing' : state;
}

export function subscriberText(state: SubscriberState, replays: readonly Replay[]): string {
  const { subscriber: it, counts, outside, backlog } = state;
  const { name, retry } = it;
  const rate = it.ratePerSecond === null ? 'as fast as it answers' : `at most ${counted(it.ratePerSecond, 'order')}/s`;
  const size = it.batchSize === 1 ? 'one event a request' : `up to ${it.batchSize} events a request`;
  return [
    `${name}  ${it.url}${it.allowInner ? '  (inner network allowed)' : ''}`,
    `  state      ${stateWord(it)}${it.pausedWhy === null ? '' : `: it ${it.pausedWhy}`}`,
    ...(it.failingSince === null ? [] : [`  FAILING    since ${it.failingSince.toISOString()}: it ${it.lastError}`]),
    `  events     ${it.types?.join(', ') ?? 'all'}, after number ${it.afterSeq ?? '(being added)'}`,
    ...(it.personal ? ['  personal   it gets contact and address of shoppers, from order.paid on'] : []),
    `  served     ${rate}, ${counted(it.concurrency, 'request')} at a time, ${size}`,
    `  retry      ${counted(retry.tries, 'try', 'tries')}, waiting ${durationText(retry.firstMs)} to ${durationText(retry.longestMs)}`,
    `  backlog    ${counted(backlog, 'order')}: ${counts.waiting + counts.active} due, ${counts.delayed} waiting for their next try, ${outside} not in the queue yet`,
    ...(counts.dead === 0
      ? []
      : [`  DEAD       ${counted(counts.dead, 'order was', 'orders were')} given up on: seckill dlq list`]),
    ...(it.secrets.length > 1 ? ['  secret     being replaced: the old one signs too'] : []),
    ...replays.map((replay) => `  replay     ${replayText(replay)}`),
  ].join('\n');
}

export function replayText({ id, state, fromSeq, toSeq, nextSeq, sent, failed }: Replay): string {
  const range = Math.max(1, toSeq - fromSeq + 1);
  const percent = Math.floor((100 * Math.max(0, nextSeq - fromSeq + 1)) / range);
  const where = state === 'running' ? `running, ${percent} % of numbers ${fromSeq} to ${toSeq}` : state;
  return `${id}: ${where}, ${counted(sent, 'event')} sent${failed > 0 ? `, ${counted(failed, 'order')} given up on` : ''}`;
}

export function answerText(answer: Answer & { tookMs: number }, url: string): string {
  const took = `after ${answer.tookMs} ms`;
  const body = answer.excerpt === '' ? [] : [`its answer began: ${JSON.stringify(answer.excerpt.slice(0, 200))}`];
  const word = answer.kind === 'delivered' ? 'delivered' : 'NOT DELIVERED';
  return [`${word}: ${url} ${answer.says}, ${took}`, ...body].join('\n');
}

export function orderText(
  orderId: string,
  { events, job }: Awaited<ReturnType<SubscriberManager['order']>>,
  width: number | null,
): string {
  const rows = events.map(({ version, type, at, state }) => [version, type, at.toISOString(), state]);
  const tries = job?.history.map((line) => `  ${line}`) ?? [];
  return [
    table(['VERSION', 'EVENT', 'HAPPENED', 'DELIVERY'], rows, width),
    ...(job === null
      ? []
      : [`${orderId}: its job is ${job.state} after ${counted(job.tries, 'try', 'tries')}`, ...tries]),
  ].join('\n');
}
