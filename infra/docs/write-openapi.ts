import { writeFile } from 'node:fs/promises';
import { openApiFile, openApiText } from './openapi-file.ts';

/** `npm run docs:api`: writes docs/openapi.json anew. */
await writeFile(openApiFile, openApiText());
