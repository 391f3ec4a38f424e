import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { ulid } from 'ulid';
import type { CdcReport } from '#contract/cdc.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';

const lookEveryMs = 500;
/** A process takes up a request within a second, and a new leader is there within ten. */
const leaderWithinMs = 15_000;

/** `seckill cdc snapshot`: what mends every gap. */
export function registerCdcSnapshot(cdc: Command): void {
  changes(cdc.command('snapshot'), 'always')
    .description('read all order tables from the beginning, and go on from there: what mends a gap')
    .option('--no-wait', 'do not wait until it is done')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action(({ wait: isWaited }: { wait: boolean }, command: Command) =>
      withConnections(command, async ({ zookeeper, output, run }) => {
        const { readCdcReports, requestCdcSnapshot } = await import('#order-worker/cdc/report.ts');
        const leader = leaderOf(await readCdcReports(zookeeper));
        const request = { id: ulid().toLowerCase(), at: Date.now() };
        await carryOut(command, output, {
          will: 'read all order tables anew; readers see its rows beside those that they have, of the next generation',
          details: leader === undefined ? ['no process is there to do it: it is done when one is'] : [],
          facts: { request: request.id, leader: leader?.instance ?? null },
          asks: true,
          apply: async () => {
            await requestCdcSnapshot(zookeeper, request);
            if (!isWaited) {
              output.result({ request: request.id, isDone: false }, 'asked for; see "seckill cdc status"');
              return;
            }
            const interrupted = run.interruption();
            try {
              const report = await output.during(
                'reading all order tables',
                untilDone({ zookeeper, id: request.id, signal: interrupted.signal, onNews: output.progress }),
              );
              const { generation, position } = report;
              output.result(
                { request: request.id, isDone: true, generation, position },
                `all order tables are in ${report.sink}, generation ${generation}`,
              );
            } finally {
              interrupted.release();
            }
          },
        });
      }),
    );
}

const leaderOf = (reports: readonly CdcReport[]) => reports.find(({ state }) => state !== 'standing_by');

async function untilDone(options: {
  zookeeper: Pick<ZooKeeper, 'read' | 'children'>;
  id: string;
  signal: AbortSignal;
  onNews: (line: string) => void;
}): Promise<CdcReport> {
  const { zookeeper, id, signal, onNews } = options;
  const { readCdcReports } = await import('#order-worker/cdc/report.ts');
  let seenAt = Date.now();
  let told: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    const leader = leaderOf(await readCdcReports(zookeeper));
    if (leader?.request === id) return leader;
    if (leader !== undefined) seenAt = Date.now();
    else if (Date.now() - seenAt > leaderWithinMs)
      throw new CliError(
        'no process does it: start one with "seckill cdc run", or "seckill up --cdc files". The request stays: it begins with this snapshot',
        1,
      );
    if (leader?.trouble != null && leader.trouble !== told) onNews(`${leader.instance}: ${leader.trouble}`);
    told = leader?.trouble ?? null;
    await wait(lookEveryMs);
  }
}
