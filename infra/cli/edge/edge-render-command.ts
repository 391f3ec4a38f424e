import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '#runtime/config.ts';
import { jsonOption } from '../kit/options.ts';
import { createOutput } from '../kit/output.ts';
import { runOf } from '../kit/run.ts';

type Options = { out: string; edgeId?: string; serverName?: string; dryRun?: boolean; json?: boolean };

/** The renderer's own refusals are about what the file says. */
async function refusedAsConfig<T>(file: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isRefusal = error instanceof Error && error.message.startsWith('edge configuration: ');
    throw isRefusal ? new ConfigError([`${file}: ${error.message.slice('edge configuration: '.length)}`]) : error;
  }
}

/** For edges that this machine's stack does not start: containers, pods, machines of their own. */
export function registerEdgeRenderCommand(edge: Command): void {
  edge
    .command('render')
    .argument('<file.json>', 'what the edge is: infra/deploy/edge/edge.json is one')
    .description("write an edge's nginx configuration, for a machine or container of its own")
    .requiredOption('--out <dir>', 'where to; nginx is started with its nginx.conf')
    .option('--edge-id <id>', "instead of the file's: the name of a pod")
    .option('--server-name <host>', "instead of the file's tls.serverName")
    .option('--dry-run', 'check the file, write nothing')
    .addOption(jsonOption())
    .action(async (file: string, options: Options, command: Command) => {
      const { out, edgeId, serverName, dryRun = false, json = false } = options;
      const outDir = resolve(out);
      const { readEdgeFile } = await import('../../deploy/edge/edge-file.ts');
      const { renderEdgeConfig } = await import('../../stack/servers/edge-config.ts');
      const { edgePlaces } = await import('../../stack/servers/edge-places.ts');
      const output = createOutput(runOf(command), json);
      const changes = {
        ...(edgeId === undefined ? {} : { edgeId }),
        ...(serverName === undefined ? {} : { serverName }),
      };
      // A file may be checked on a machine that does not know the edge's network.
      const warn = (problem: string) =>
        output.progress(`warning: ${problem} on this machine; the edge's own machine must know it when it renders`);
      const values = await readEdgeFile(file, changes, dryRun ? warn : undefined);
      if (dryRun) {
        await refusedAsConfig(file, () => edgePlaces(values, outDir));
        output.result({ outDir, edgeId: values.edgeId, dryRun }, `${file} is fine; nothing was written to ${outDir}`);
        return;
      }
      const config = await refusedAsConfig(file, () => renderEdgeConfig(values, outDir));
      output.result(
        { config, edgeId: values.edgeId, dryRun },
        `${config} is written, for ${values.edgeId}\nnext: nginx -t -e stderr -c ${config}`,
      );
    });
}
