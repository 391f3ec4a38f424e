--- What broke, for the error log.
-- nginx writes a line for each request, with the request line, the host and the referrer as a stranger sent them. So
-- the public server logs at `alert` (nginx.conf), and what must be seen is counted here and told by a timer, which has
-- no request: a line a second for each kind, with a bound on the kinds.
-- @module seckill.faults

local ngx_log, ngx_now, ERR = ngx.log, ngx.now, ngx.ERR
local gsub, match, sub = string.gsub, string.match, string.sub
local error, ipairs, next, pairs, pcall, tostring, type = error, ipairs, next, pairs, pcall, tostring, type

local EVERY_SECONDS = 1
local MAX_KINDS = 20
local MAX_LENGTH = 500
-- Of what a client asked for: a coding of the body, a version of HTTP.
local NOT_IMPLEMENTED, VERSION_NOT_SUPPORTED = 501, 505

-- How long the hot functions are guarded after a fault.
local LOOK_SECONDS = 60

local counts, kinds = {}, 0
-- The functions of hot modules: {module, key, plain, guarded}. Until when the guarded ones are in place.
local hot, looks_until = {}, nil

local _M = {}

local function put(kind)
  for _, entry in ipairs(hot) do entry.module[entry.key] = entry[kind] end
end

local function flush()
  if looks_until and ngx_now() > looks_until then
    looks_until = nil
    put('plain')
  end
  if next(counts) == nil then return end
  for text, times in pairs(counts) do ngx_log(ERR, text, times > 1 and ' (' .. times .. ' times)' or '') end
  counts, kinds = {}, 0
end

--- @tparam string text what broke; what is not printable ASCII becomes `?`
-- @phases any
function _M.note(text)
  text = sub(gsub(text, '[^ -~]', '?'), 1, MAX_LENGTH)
  if not counts[text] then
    if kinds >= MAX_KINDS then text = 'more kinds of faults than ' .. MAX_KINDS end
    kinds = kinds + 1
  end
  counts[text] = (counts[text] or 0) + 1
end

--- Notes what may be a fault in a hot module, and has them guarded for a minute, so that the next one is told in words.
-- @tparam string text what was seen of it
-- @phases any
function _M.suspect(text)
  _M.note(text)
  if not looks_until then put('guarded') end
  looks_until = ngx_now() + LOOK_SECONDS
end

--- Notes what an answer of nginx' own says about us: an upstream that failed, a file that cannot be read.
-- @tparam number status
-- @tparam ?string upstream $upstream_addr
-- @tparam ?string connected $upstream_connect_time
-- @phases content
function _M.answered(status, upstream, connected)
  if upstream and upstream ~= '' and status >= 500 then
    local what = match(connected or '', '%d') and 'no whole answer' or 'no connection'
    _M.note(what .. ' in time from the upstream: ' .. status .. ' by ' .. upstream)
  elseif status == 403 then
    _M.note('a file of the pages cannot be read: 403')
  elseif status >= 500 and status ~= NOT_IMPLEMENTED and status ~= VERSION_NOT_SUPPORTED then
    _M.suspect('nginx answered ' .. status .. ' by itself')
  end
end

--- Notes an answer of an upstream that ended before its whole body had come: nginx had sent its head on.
-- @tparam ?string told $upstream_http_content_length; nil and empty for an answer without
-- @tparam ?string read $upstream_response_length, of each server that was asked
-- @tparam ?string upstream $upstream_addr
-- @tparam ?string status $upstream_status
-- @phases log
function _M.ended(told, read, upstream, status)
  if told == read or not told or told == '' then return end
  if told == match(read or '', '(%d+)$') then return end
  _M.note('half an answer from the upstream: ' .. (status or '') .. ' by ' .. (upstream or ''))
end

local function guarded(name, run)
  return function(first, second, third)
    local well, result = pcall(run, first, second, third)
    if well then return result end
    _M.note('fault in Lua: ' .. name .. ': ' .. tostring(result))
    return error(result, 0)
  end
end

local function each_function(name, module, work)
  for key, plain in pairs(module) do
    if type(plain) == 'function' then work(key, plain, guarded(name .. '.' .. key, plain)) end
  end
end

--- Makes each public function of a module, as nginx calls it, note what it raises.
-- @tparam string name of the module
-- @tparam table module
-- @phases init
function _M.guard(name, module)
  each_function(name, module, function(key, _, guard) module[key] = guard end)
end

--- The same for a module whose guard would cost a purchase a fifth of what it costs the edge: from the first fault on.
-- @phases init
function _M.guard_once_suspect(name, module)
  each_function(name, module, function(key, plain, guard)
    hot[#hot + 1] = { module = module, key = key, plain = plain, guarded = guard }
  end)
end

--- @phases init_worker
function _M.start()
  ngx.timer.every(EVERY_SECONDS, flush)
end

return _M
