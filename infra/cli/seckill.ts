#!/usr/bin/env node
// What `npx seckill` starts. Node keeps the compiled form of every module that comes after this one, types stripped: what
// a command loads (program.ts) it need not compile again. The processes that it starts find it by the same variable.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../../node_modules/.cache/seckill', import.meta.url));
enableCompileCache(process.env.NODE_COMPILE_CACHE);
await import('./main.ts');
