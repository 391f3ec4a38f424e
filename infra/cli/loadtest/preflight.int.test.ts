import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { checkStack } from './preflight.ts';
import { visitPaths } from './visit-paths.ts';

const nowhere = 'http://127.0.0.1:1'; // nothing listens there

test('a load test that cannot begin names the command that shows the processes where it is read', async () => {
  const environment = {
    SECKILL_RUN_DIR: temporaryDirectory('preflight-'),
    SECKILL_EDGE_INNER_URL: nowhere,
    SECKILL_STATUS_COMMAND: 'kubectl get pods',
  };
  await expect(checkStack(environment)).rejects.toThrow(/is not ready; next: kubectl get pods$/);
  await expect(visitPaths(nowhere, '/', 'tea', 'kubectl get pods')).rejects.toThrow(/for \/; next: kubectl get pods$/);
});
