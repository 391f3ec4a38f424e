import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const door = `  location = /lua {
    client_max_body_size 64m;
    client_body_buffer_size 64m;
    content_by_lua_block {
      local json = require('cjson')
      ngx.req.read_body()
      local sent = json.decode(ngx.req.get_body_data())
      require('seckill.revision').look()
      local well, result = pcall(function() return assert(loadstring(sent.script))(sent.input) end)
      ngx.print(json.encode(well and { result = result } or { fault = tostring(result) }))
    }
  }
`;

/** `beforeStart` of an edge whose modules a test calls by {@link edgeLua}: those that need LuaJIT, which `runLua` has not. */
export async function openToLua(config: string): Promise<void> {
  const file = join(dirname(config), 'conf.d/inner-server.conf');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace(/^ {2}location \/ \{/m, (last) => `${door}${last}`),
  );
}

/** Runs Lua in a worker of such an edge, in the content phase: a chunk with `input` as `...`, and what it returns. */
export async function edgeLua(edge: { innerUrl: string }, script: string, input: unknown = null): Promise<unknown> {
  const answer = await fetch(`${edge.innerUrl}/lua`, { method: 'POST', body: JSON.stringify({ script, input }) });
  const told = (await answer.json()) as { result?: unknown; fault?: string };
  if (told.fault !== undefined) throw new Error(told.fault);
  return told.result;
}
