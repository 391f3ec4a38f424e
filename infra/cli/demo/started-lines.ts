import type { ConsolePlace } from '../../stack/running-stack.ts';
import { consoleLine } from '../stack/console-command.ts';

/** What `npm start` says once the sale is open; README.md shows it. `where`: ` --dir …` where it is not the usual one. */
export const startedLines = (demo: { edgeUrl: string; saleId: string; where: string; place: ConsolePlace | null }) => [
  `  The sale is open:   ${demo.edgeUrl}/sales/${demo.saleId}`,
  `  Send a crowd:       npx seckill demo crowd --shoppers 5000${demo.where}`,
  `  Prove the books:    npx seckill audit ${demo.saleId}${demo.where}`,
  ...(demo.place === null ? [] : [`  Watch all of it:    ${consoleLine(demo.place)}`]),
  '  Ctrl-C stops everything.',
];
