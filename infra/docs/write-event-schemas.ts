import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { changeSchemaFiles } from './change-schemas.ts';
import { eventSchemaFiles } from './event-schemas.ts';

/** `npm run docs:events`: writes docs/events and docs/changes anew. */
const docs = resolve(import.meta.dirname, '../../docs');
for (const [name, text] of eventSchemaFiles()) await writeFile(join(docs, 'events', name), text);
for (const [name, text] of changeSchemaFiles()) await writeFile(join(docs, 'changes', name), text);
