import { readFileSync } from 'node:fs';
import { redisScriptSuite } from '#lab/suites/redis-script.ts';
import { addOrdersReplies } from './add-orders.ts';

const lua = readFileSync(new URL('./scripts/add-orders.lua', import.meta.url), 'utf8');
redisScriptSuite({ name: 'add-orders', lua, replies: addOrdersReplies });
