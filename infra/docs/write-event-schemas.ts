import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { eventSchemaFiles } from './event-schemas.ts';

/** `npm run docs:events`: writes docs/events anew. */
const dir = resolve(import.meta.dirname, '../../docs/events');
for (const [name, text] of eventSchemaFiles()) await writeFile(join(dir, name), text);
