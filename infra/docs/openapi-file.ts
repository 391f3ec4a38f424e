import { resolve } from 'node:path';
import { createOpenApi } from '#gateway/reference/openapi.ts';

export const openApiFile = resolve(import.meta.dirname, '../../docs/openapi.json');

/** The text of docs/openapi.json. */
export const openApiText = (): string => `${JSON.stringify(createOpenApi(), null, 2)}\n`;
