import type { Command } from 'commander';
import type { TicketKey } from '#contract/ticket.ts';
import { readKeyHolders } from '#sales/key-holders.ts';
import { table } from '../../text/table.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { keysToDrop, pendingKey, withNewKey } from './key-rotation.ts';
import { nextKeysText, type Rotation, refuseEarlyDrop, rotateKeys } from './rotate-keys.ts';
import { readTicketKeysFile } from './ticket-keys-file.ts';

type RotateOptions = { print?: boolean; now?: boolean; within: number };

export function registerKeysCommands(program: Command): void {
  const keys = program.command('keys').description('the keys that sign and check tickets; never their secrets');

  keys
    .command('show')
    .description('the ids of the keys, and which process knows which')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async ({ zookeeper, environment, output }) => {
        const holders = await readKeyHolders(zookeeper);
        const file = await readTicketKeysFile(environment).catch(() => null); // a bastion may know no file
        const pending = file === null ? null : pendingKey(file.keys);
        const ids = file?.keys.map(({ id }) => id) ?? null;
        output.result(
          { file: file === null ? null : { path: file.path, keyIds: ids, pending: pending?.id ?? null }, holders },
          [
            ids === null ? 'no file of keys is known here' : `${file?.path}: ${ids.join(' ')}; ${ids[0]} signs`,
            ...(pending === null ? [] : [`${pending.id} waits to sign: "seckill keys rotate" goes on with it`]),
            holders.length === 0
              ? 'no process is connected'
              : table(
                  ['PROCESS', 'KIND', 'KEYS'],
                  holders.map(({ name, kind, keyIds }) => [name, kind, keyIds.join(' ') || '-']),
                  output.width,
                ),
          ].join('\n'),
        );
      }),
    );

  changes(keys.command('rotate'))
    .description('a new key signs, the one before is still good; nothing restarts and no good ticket is refused')
    .option('--print', 'print the next text of the file instead of writing it: for a secret that is mounted')
    .option('--now', 'drop the oldest key although its tickets may still be good')
    .option('--within <seconds>', 'how long to wait for the processes', wholeNumber(1, 3600), 30)
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((options: RotateOptions, command: Command) =>
      withConnections(command, async ({ zookeeper, environment, output }) => {
        if (environment.SECKILL_TICKET_KEYS !== undefined) {
          throw new CliError(
            'the keys are fixed by SECKILL_TICKET_KEYS: put them into a file, and set SECKILL_TICKET_KEYS_FILE everywhere',
            78,
          );
        }
        const file = await readTicketKeysFile(environment);
        if (pendingKey(file.keys) === null && options.now !== true) refuseEarlyDrop(file, Date.now());
        if (options.print === true) {
          const text = await nextKeysText(zookeeper, file.keys);
          output.result({ keys: text }, text);
          return;
        }
        const withinMs = options.within * 1000;
        const [next, dropped] = [pendingKey(withNewKeyOf(file.keys)), keysToDrop(file.keys)];
        const drops = dropped.length === 0 ? '' : `, and drop ${dropped.map(({ id }) => id).join(' ')}`;
        await carryOut(command, output, {
          will: `let ${next?.id} sign in ${file.path}, keep ${file.keys[0]?.id} for checking${drops}`,
          facts: { signing: next?.id, checking: [file.keys[0]?.id], dropped: dropped.map(({ id }) => id) },
          apply: async () => {
            const rotation = await rotateKeys({ zookeeper, file, withinMs, onProgress: output.progress });
            output.result(rotation, rotationText(rotation));
          },
        });
      }),
    );
}

/** The keys with the new one that a rotation adds, or with the one that an earlier rotation left pending. */
const withNewKeyOf = (keys: readonly TicketKey[]) => (pendingKey(keys) === null ? withNewKey(keys, '') : keys);

function rotationText({ signing, checking, dropped, holders }: Rotation): string {
  const gone = dropped.length === 0 ? '' : `, ${dropped.join(' ')} is gone`;
  const known = holders.length === 0 ? 'no process is connected' : `known by ${holders.join(', ')}`;
  return `${signing} signs, ${checking.join(' ')} is still good${gone}; ${known}`;
}
