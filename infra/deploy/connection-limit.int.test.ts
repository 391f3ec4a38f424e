import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { deployDir } from '#lab/kits/process-settings.ts';

// A network of its own, in which an ordinary user may set rules too: not every kernel grants that, nor has every machine nft.
const inNetwork = ['-rn', 'nft'];
const canTry = spawnSync('unshare', [...inNetwork, 'list', 'ruleset']).status === 0;

test.runIf(canTry)('the kernel takes the rules that bound the connections of one address, once and again', async () => {
  const file = join(deployDir, 'nftables.d/seckill.nft');
  await promisify(execFile)('unshare', [...inNetwork, '-c', '-f', file]);
  const twice = `nft -f '${file}' && nft -f '${file}' && nft list ruleset`;
  const { stdout } = await promisify(execFile)('unshare', ['-rn', 'sh', '-c', twice]);
  expect(stdout.match(/ct count over 400/g)).toHaveLength(2);
});
