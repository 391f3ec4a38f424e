import type { Command } from 'commander';
import type { DeadLetters, Found } from '#order-worker/dead-letters/dead-letters.ts';
import { counted } from '#runtime/counted.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';

const isIn = (queue: string | undefined) => (found: Found) => queue === undefined || found.letter.queue === queue;
const queueOption = [
  '--queue <name>',
  'only of this queue: orders, order-expiry, refunds or subscriber-<name>',
] as const;

/** Opens every dead letter for one command; a queue that does not exist is named. */
async function withDeadLetters(
  command: Command,
  queue: string | undefined,
  action: (letters: DeadLetters, context: CommandContext) => Promise<void>,
): Promise<void> {
  await withConnections(command, async (context) => {
    const { queueRedis: redis, pool, stock } = context;
    const { openEveryDeadLetter } = await import('#order-worker/dead-letters/open.ts');
    const letters = await openEveryDeadLetter({ redis, pool, stock });
    try {
      const names = (await letters.counts()).map((each) => each.queue);
      if (queue !== undefined && !names.includes(queue)) {
        throw new CliError(`there is no queue "${queue}": it must be one of ${names.join(', ')}`, 2);
      }
      await action(letters, context);
    } finally {
      await letters.close();
    }
  });
}

/** Every dead letter with one of these ids. An id that none has is a mistake, and then nothing is done at all. */
async function findAll(letters: DeadLetters, ids: readonly string[], queue: string | undefined): Promise<Found[]> {
  const all: Found[] = [];
  for (const id of new Set(ids)) {
    const found = (await letters.find(id)).filter(isIn(queue));
    if (found.length === 0) throw new CliError(`there is no dead letter "${id}": see seckill dlq list`, 2);
    all.push(...found);
  }
  return all;
}

type Counts = { queue: string; deadLetters: number }[];

/** Of the queues that have any. */
async function countsIn(letters: DeadLetters, queue: string | undefined): Promise<Counts> {
  return (await letters.counts()).filter((it) => it.deadLetters > 0 && (queue === undefined || it.queue === queue));
}

function countByQueue(found: readonly Found[]): Counts {
  const counts = new Map<string, number>();
  for (const { letter } of found) counts.set(letter.queue, (counts.get(letter.queue) ?? 0) + 1);
  return [...counts].map(([queue, deadLetters]) => ({ queue, deadLetters }));
}

const countsText = (counts: Counts) =>
  counts.length === 0 ? '' : ` (${counts.map(({ queue, deadLetters }) => `${queue} ${deadLetters}`).join(', ')})`;

function describe({ letter }: Found): string {
  const { queue, id, orderId, reason, attempts, failedAt, mend } = letter;
  const order = orderId === null || orderId === id ? '' : `, order ${orderId}`;
  const tries = counted(attempts, 'try', 'tries');
  return `${queue}  ${id}${order}  ${tries}, ${failedAt}\n  ${reason}\n  mend: ${mend}`;
}

export function registerDlqCommands(program: Command): void {
  const dlq = program
    .command('dlq')
    .description('dead letters: jobs that were given up on, until you retry or drop them');

  dlq
    .command('list')
    .description('what was given up on, why, and the command that mends it')
    .option(...queueOption)
    .option('--limit <n>', 'at most so many of each queue', wholeNumber(1, 10_000), 50)
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((options: { queue?: string; limit: number }, command: Command) =>
      withDeadLetters(command, options.queue, async (letters, { output }) => {
        const found = (await letters.list(options.limit)).filter(isIn(options.queue));
        const counts = await countsIn(letters, options.queue);
        const sums = counts.map(({ queue, deadLetters }) => `${queue} ${deadLetters}`).join(', ');
        output.result(
          { counts, deadLetters: found.map(({ letter }) => letter) },
          counts.length === 0 ? 'no dead letters' : [...found.map(describe), `in all: ${sums}`].join('\n'),
        );
      }),
    );

  dlq
    .command('show')
    .argument('<id>', 'as dlq list names it')
    .description('one dead letter with its data and what went wrong, try by try')
    .option(...queueOption)
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((id: string, options: { queue?: string }, command: Command) =>
      withDeadLetters(command, options.queue, async (letters, { output }) => {
        const found = await findAll(letters, [id], options.queue);
        const details = found.map(({ letter, job }) => ({
          ...letter,
          data: job.data as unknown,
          tries: job.stacktrace,
        }));
        const text = found.map((each) =>
          [describe(each), `  data: ${JSON.stringify(each.job.data)}`, ...(each.job.stacktrace ?? [])].join('\n'),
        );
        output.result(details, text.join('\n'));
      }),
    );

  changes(dlq.command('retry').argument('[id...]', 'as dlq list names them'))
    .option('--all', 'every dead letter, of every queue or of --queue')
    .option(...queueOption)
    .description('put them back into their queue, with all their tries; safe to repeat')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((ids: string[], options: { all?: boolean; queue?: string }, command: Command) =>
      withDeadLetters(command, options.queue, async (letters, { output }) => {
        if (ids.length > 0 === (options.all === true)) {
          throw new CliError('name dead letters by their ids, or all of them by --all', 2);
        }
        const named = await findAll(letters, ids, options.queue);
        const counts = options.all === true ? await countsIn(letters, options.queue) : countByQueue(named);
        const total = counts.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
        await carryOut(command, output, {
          will: `put ${counted(total, 'dead letter')} back into ${total === 1 ? 'its queue' : 'their queues'}${countsText(counts)}`,
          facts: { counts, ids: named.map(({ letter }) => letter.id) },
          apply: async () => {
            const { retryDeadLetter } = await import('#order-worker/dead-letters/dead-letters.ts');
            let retried = 0;
            const bar = output.bar('put back', total);
            const retry = async (found: Found) => {
              if (!isIn(options.queue)(found)) return;
              if (await retryDeadLetter(found)) retried += 1;
              bar.step();
            };
            try {
              if (options.all === true) await letters.each(retry);
              else for (const found of named) await retry(found);
            } finally {
              bar.end();
            }
            output.result({ retried }, `${retried} back in the queue; what fails again comes back to seckill dlq list`);
          },
        });
      }),
    );

  changes(dlq.command('drop').argument('<id...>', 'as dlq list names them'), 'always')
    .option(...queueOption)
    .description(
      'give up for good: an accepted order fails openly and its unit goes back; money that is owed stays owed',
    )
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((ids: string[], options: { queue?: string }, command: Command) =>
      withDeadLetters(command, options.queue, async (letters, { output, run }) => {
        const found = await findAll(letters, ids, options.queue);
        const means = [...new Set(found.map(({ kind }) => kind.dropMeans))].join('; ');
        await carryOut(command, output, {
          will: `drop ${counted(found.length, 'dead letter')}${countsText(countByQueue(found))}: ${means}`,
          details: found.map(({ letter }) => `${letter.queue}  ${letter.id}`),
          facts: { deadLetters: found.map(({ letter: { queue, id } }) => ({ queue, id })), means },
          asks: true,
          apply: async () => {
            const { dropDeadLetter } = await import('#order-worker/dead-letters/dead-letters.ts');
            const results: { queue: string; id: string; kind: string; says: string }[] = [];
            for (const each of found) {
              const { queue, id } = each.letter;
              results.push({ queue, id, ...(await dropDeadLetter(each)) });
            }
            output.result(
              results,
              results.map(({ queue, id, kind, says }) => `${kind}  ${queue}  ${id}: ${says}`).join('\n'),
            );
            if (results.some(({ kind }) => kind === 'refused')) run.exitCode = 1;
          },
        });
      }),
    );
}
