import type { Command } from 'commander';
import { counted } from '#runtime/counted.ts';
import { carryOut, changes } from '../kit/change.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { sealOf } from './seal-of.ts';

/** Where erasing does not reach. */
const beyond = [
  'backups of PostgreSQL and its write-ahead log keep the sealed rows until they are deleted themselves',
  'subscribers and the shop’s own checkout keep what they were told: ask them to erase it',
];

export function registerPeopleCommands(program: Command): void {
  const people = program.command('people').description('contact and address of shoppers: docs/personal-data.md');

  changes(people.command('forget').argument('<userId>', 'the user, as the shop’s sign-in names them'), 'always')
    .description('erase contact and address of all orders of a user; the orders stay, without them')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((userId: string, _options, command: Command) =>
      withConnections(command, async ({ pool, output }) => {
        const { countDetailsOf, forgetPerson } = await import('#order-worker/details/forget-person.ts');
        const kept = await countDetailsOf(pool, userId);
        const { orders, awaitingPayment, paid } = kept;
        if (orders === 0) {
          output.result({ userId, erased: 0, beyond }, `nothing is kept of ${userId}`);
          return;
        }
        await carryOut(command, output, {
          will: `erase contact and address of ${counted(orders, 'order')} of ${userId} for good`,
          details: [
            ...(paid === 0 ? [] : [`${counted(paid, 'order')} paid: is all of it shipped?`]),
            ...(awaitingPayment === 0
              ? []
              : [`${counted(awaitingPayment, 'order')} awaiting payment: asked for again`]),
          ],
          facts: { userId, ...kept },
          asks: true,
          apply: async () => {
            const erased = await forgetPerson(pool, userId);
            output.result(
              { userId, erased, beyond },
              [`erased contact and address of ${counted(erased, 'order')} of ${userId}`, ...beyond].join('\n  '),
            );
          },
        });
      }),
    );

  changes(people.command('reseal'))
    .description('seal contact and address by the first key of SECKILL_PERSONAL_KEYS, so that an older one can go')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async ({ pool, environment, output }) => {
        const { countByKey, resealDetails } = await import('#order-worker/details/reseal.ts');
        const seal = await sealOf(environment);
        const others = (await countByKey(pool)).filter(({ keyId }) => keyId !== seal.keyId);
        const orders = others.reduce((sum, each) => sum + each.orders, 0);
        await carryOut(command, output, {
          will: `seal contact and address of ${counted(orders, 'order')} anew by ${seal.keyId}`,
          details: others.map((each) => `${counted(each.orders, 'order')} sealed by ${each.keyId}`),
          facts: { keyId: seal.keyId, others },
          apply: async () => {
            const resealed = await resealDetails(pool, seal);
            output.result(
              { keyId: seal.keyId, resealed },
              `sealed ${counted(resealed, 'order')} anew by ${seal.keyId}: other keys open nothing more, take them out everywhere`,
            );
          },
        });
      }),
    );
}
