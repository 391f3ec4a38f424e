import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const luaDir = join(import.meta.dirname, '../../../../nginx-lua/lua');

/**
 * Runs Lua beside our modules, outside nginx, and returns what the script returns. `input` is a Lua value there, and
 * `clock.seconds` is the time that `ngx.now` tells. The interpreter comes with Debian's lua-check.
 */
export function runLua(script: string, input: unknown = null): unknown {
  const program = `
    package.path = '${luaDir}/?.lua;${import.meta.dirname}/?.lua;' .. package.path
    local json = require('cjson')
    json.encode_sparse_array(true)
    local clock = require('fake-ngx')
    local input = json.decode([==[${JSON.stringify(input)}]==])
    local function script(clock, input) ${script} end
    io.write(json.encode({ result = script(clock, input) }))
  `;
  const output = execFileSync('lua5.1', ['-'], { input: program, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return (JSON.parse(output) as { result: unknown }).result;
}
