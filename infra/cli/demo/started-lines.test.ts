import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkoutDir } from '../../stack/host/run-directory.ts';
import { startedLines } from './started-lines.ts';

test('README.md shows what npm start says, line by line', () => {
  const place = { url: 'http://127.0.0.1:20361/console', tokenFile: '.run/secrets/console-token' };
  const lines = startedLines({ edgeUrl: 'http://127.0.0.1:8080', saleId: 'demo-1', where: '', place });
  const readme = readFileSync(join(checkoutDir, 'README.md'), 'utf8');
  expect(readme).toContain(`\n\`\`\`\n${lines.join('\n')}\n\`\`\`\n`);
});
