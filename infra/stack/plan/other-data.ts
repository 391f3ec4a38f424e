import { existsSync } from 'node:fs';
import { StackError } from '../host/errors.ts';
import type { RunDirectory } from '../host/run-directory.ts';
import { serverNames } from './servers.ts';

/**
 * The data of a stack with `--ha` and of one without lie beside each other, and each knows its own sales only: pages and
 * payments would be mixed. Throws a {@link StackError} of the kind `configuration` where the other kind has data.
 */
export function refuseOtherData(dir: RunDirectory, ha: boolean): void {
  if (!serverNames('stock-redis', !ha).some((name) => existsSync(dir.data(name)))) return;
  const was = ha ? 'without --ha' : 'with --ha';
  throw new StackError(
    'configuration',
    `the data in ${dir.root} are of a stack that was started ${was}: start it ${was}, or choose another directory, for example --dir .run/${ha ? 'ha' : 'plain'}`,
  );
}
