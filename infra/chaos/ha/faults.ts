import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { poll } from '#lab/poll.ts';
import { signalProcess } from '../../stack/host/life.ts';
import type { HaField } from './field.ts';
import { createHand, type Hand } from './hand.ts';
import type { HaFault, HaKind } from './plan.ts';
import type { Master } from './servers.ts';

/** Does the fault; resolves when it is over. What it broke and killed by its hand is undone then. */
type Deed = (field: HaField, fault: HaFault, hand: Hand) => Promise<void>;

const promotedWithinMs = 15_000;
/** Between the promotion and the death of the one that was promoted. */
const secondAfterMs = 2000;
/** What a replica that lags misses when its primary dies. */
const behindMs = 400;
/** How long a link is slow before what is on it is lost. */
const slowForMs = 700;

/** The sentinel beside a Redis of the stock. */
const beside = (redis: string) => redis.replace('stock-redis', 'sentinel');

/** What the servers say, as soon as they do: on a busy machine an answer may take longer than a second. */
const seen = ({ servers }: HaField) => ({
  primary: (master: Master) => poll(`the primary of ${master}`, () => servers.primary(master)),
  ensemble: () => poll("ZooKeeper's leader", servers.ensemble),
  databases: () => poll('a PostgreSQL that takes writes', servers.databases),
});

const nextPrimary = (field: HaField, not: readonly string[]) =>
  poll(
    `another stock primary than ${not.join(' and ')}`,
    async () => {
      const now = await field.servers.primary('stock');
      return not.includes(now) ? null : now;
    },
    promotedWithinMs,
  );

const others = (field: HaField, primary: string) =>
  field.servers.names('stock-redis').filter((name) => name !== primary);
const one = <T>(list: readonly T[], { pick }: HaFault): T => {
  const [found] = list.slice(pick % list.length);
  if (found === undefined) throw new Error('there is none to pick');
  return found;
};

const deeds: Record<HaKind, Deed> = {
  'primary-killed': async (field, { forMs }, hand) => {
    hand.kill(await seen(field).primary('stock'), 'cut');
    await wait(forMs);
  },

  'primary-lost': async (field, { forMs, lagMs }, hand) => {
    const primary = await seen(field).primary('stock');
    for (const replica of others(field, primary)) field.links.between(primary, replica, 'delay', lagMs);
    await wait(slowForMs);
    field.began();
    field.links.isolate([primary, beside(primary)], 'lost');
    for (const name of [primary, beside(primary)]) hand.kill(name, 'lost');
    await wait(forMs);
  },

  'primary-paused': async (field, { forMs }, hand) => hand.pause([await seen(field).primary('stock')], forMs),

  'primary-alone': async (field, { forMs }) => {
    const primary = await seen(field).primary('stock');
    field.links.isolate([primary, beside(primary), 'ours'], 'half-open');
    await wait(forMs);
  },

  'primary-split': async (field, { forMs, process }) => {
    const primary = await seen(field).primary('stock');
    field.links.isolate([primary, beside(primary), process], 'half-open');
    await wait(forMs);
  },

  'primary-pair': async (field, fault) => {
    const replica = one(others(field, await seen(field).primary('stock')), fault);
    field.links.isolate([replica, beside(replica)], 'half-open');
    await wait(fault.forMs);
  },

  'second-failover': async (field, { forMs }, hand) => {
    const first = await seen(field).primary('stock');
    hand.kill(first, 'cut');
    const second = await nextPrimary(field, [first]);
    await wait(secondAfterMs);
    // The first is back as a replica: with one Redis alone no yes could stand on two disks.
    await hand.revive();
    hand.kill(second, 'cut');
    await nextPrimary(field, [second]).catch((error: unknown) => field.note(String(error)));
    await wait(forMs / 2);
  },

  'replica-behind': async (field, fault, hand) => {
    const primary = await seen(field).primary('stock');
    field.links.between(primary, one(others(field, primary), fault), 'delay', behindMs);
    await wait(slowForMs + behindMs);
    field.began();
    hand.kill(primary, 'cut');
    await wait(fault.forMs);
  },

  'replicas-away': async (field, { forMs }) => {
    field.links.isolate(others(field, await seen(field).primary('stock')), 'half-open');
    await wait(forMs);
  },

  'sentinels-away': async (field, fault) => {
    const here = one(field.servers.names('sentinel'), fault);
    const away = field.servers.names('sentinel').filter((name) => name !== here);
    // Each alone: two that hear each other are a majority, and may make another primary when they are back.
    for (const name of away) field.links.isolate([name], 'half-open');
    await wait(fault.forMs);
  },

  'primary-emptied': async (field, _fault, hand) => {
    const primary = await seen(field).primary('stock');
    hand.killAlone(primary);
    const dir = join(field.stack.dir, 'data', primary);
    for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true });
  },

  'zookeeper-leader': async (field, _fault, hand) => {
    const { leader } = await seen(field).ensemble();
    hand.killAlone(leader);
  },
  'zookeeper-follower': async (field, fault, hand) => {
    const { followers } = await seen(field).ensemble();
    hand.killAlone(one(followers, fault));
  },
  'zookeeper-link': async (field, { process, forMs }) => {
    const here = [...field.links.connectionsOf(process).keys()].filter((name) => name.startsWith('zookeeper'));
    if (here.length === 0) throw new Error(`${process} has no connection to ZooKeeper, so none can be broken`);
    for (const name of here) field.links.between(process, name, 'half-open');
    await wait(forMs);
  },
  'zookeeper-quorum': async (field, fault, hand) => {
    const names = field.servers.names('zookeeper');
    const here = one(names, fault);
    await hand.pause(
      names.filter((name) => name !== here),
      fault.forMs,
    );
  },

  'postgres-primary': async (field, { forMs }, hand) => {
    const { primary } = await seen(field).databases();
    hand.kill(primary, 'cut');
    await wait(forMs);
  },
  'postgres-process': async (field) => {
    const { primary } = await seen(field).databases();
    const postmaster = field.postmasterOf(primary);
    if (postmaster === null) throw new Error(`${primary} does not run, so it cannot be killed`);
    signalProcess(postmaster, 'SIGKILL');
  },
  'postgres-standby': async (field, { forMs }, hand) => {
    const { standbys } = await seen(field).databases();
    await hand.pause(standbys, forMs);
  },

  'queue-primary': async (field, { forMs }, hand) => {
    hand.kill(await seen(field).primary('queue'), 'cut');
    await wait(forMs);
  },
};

/** Lets the fault happen at its moment, counted from now. Rejects when it could not be done. */
export async function unleash(field: HaField, fault: HaFault): Promise<void> {
  const hand = createHand(field);
  await wait(fault.afterMs);
  field.began();
  field.note(`fault begins: ${fault.kind}`);
  try {
    await deeds[fault.kind](field, fault, hand);
  } finally {
    await hand.revive();
    field.note(`fault ended: ${fault.kind}`);
  }
}
