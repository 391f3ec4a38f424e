import { readFileSync } from 'node:fs';
import { redisScriptSuite } from '#lab/suites/redis-script.ts';
import { replies } from './rate.ts';

const lua = readFileSync(new URL('./scripts/hand-out.lua', import.meta.url), 'utf8');
redisScriptSuite({ name: 'hand-out', lua, replies: replies['hand-out'] });
