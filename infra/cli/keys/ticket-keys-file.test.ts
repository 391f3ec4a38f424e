import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { writeTicketKeysFile } from './ticket-keys-file.ts';

test.each([0o600, 0o640, 0o644])(
  'a file of keys that is replaced can be read by those who could before: %o',
  async (mode) => {
    const path = join(temporaryDirectory('ticket-keys'), 'ticket-keys');
    writeFileSync(path, 'k1:old');
    chmodSync(path, mode);
    await writeTicketKeysFile(path, [{ id: 'k2', secret: 'a'.repeat(32) }]);
    expect(readFileSync(path, 'utf8')).toBe(`k2:${'a'.repeat(32)}\n`);
    expect(statSync(path).mode & 0o777).toBe(mode);
  },
);
