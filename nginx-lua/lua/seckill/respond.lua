--- Refusals in the contract's words: the copy of seckill-service/contract/problems.ts (a test compares them), as
-- constant strings, so that a refusal builds nothing. Outside of /api a person gets a page instead.
-- @module seckill.respond

local answered = require('seckill.faults').answered

local ngx = ngx
local header, print, exit = ngx.header, ngx.print, ngx.exit
local exec, var = ngx.exec, ngx.var
local find, gsub, lower, match, sub = string.find, string.gsub, string.lower, string.match, string.sub
local HTTP_OK, HTTP_CREATED = ngx.HTTP_OK, 201

local function problem(code, status, title)
  local body = '{"type":"urn:seckill:problem:' .. code .. '","title":"' .. title
    .. '","status":' .. status .. ',"code":"' .. code .. '"}'
  return { status = status, body = body, length = #body }
end

-- The problems that the edge itself can answer.
local PROBLEMS = {
  BAD_REQUEST = problem('BAD_REQUEST', 400, 'The request could not be understood.'),
  TICKET_MISSING = problem('TICKET_MISSING', 401, 'A ticket is needed: solve the challenge first.'),
  TICKET_INVALID = problem('TICKET_INVALID', 401, 'This ticket is not valid for this sale.'),
  TICKET_EXPIRED = problem('TICKET_EXPIRED', 401, 'This ticket has expired: get a new one.'),
  NOT_OPEN = problem('NOT_OPEN', 403, 'The sale is not open yet.'),
  SALE_UNKNOWN = problem('SALE_UNKNOWN', 404, 'There is no such sale.'),
  NOT_FOUND = problem('NOT_FOUND', 404, 'There is nothing here.'),
  METHOD_NOT_ALLOWED = problem('METHOD_NOT_ALLOWED', 405, 'This method is not allowed here.'),
  UNAUTHENTICATED = problem('UNAUTHENTICATED', 401, 'Please sign in.'),
  SOLD_OUT = problem('SOLD_OUT', 410, 'Sold out.'),
  SALE_CLOSED = problem('SALE_CLOSED', 410, 'The sale is over.'),
  BODY_TOO_LARGE = problem('BODY_TOO_LARGE', 413, 'The request body is too large.'),
  UNSUPPORTED_MEDIA_TYPE = problem('UNSUPPORTED_MEDIA_TYPE', 415, 'Send the body as application/json.'),
  WRONG_ANSWER = problem('WRONG_ANSWER', 422, 'That answer is not right.'),
  RATE_LIMITED = problem('RATE_LIMITED', 429, 'Too many requests: slow down a little.'),
  PAUSED = problem('PAUSED', 503, 'The sale is paused for a moment.'),
  BUSY = problem('BUSY', 503, 'Very busy: try again in a moment.'),
  UNAVAILABLE = problem('UNAVAILABLE', 503, 'This is not available right now: try again in a moment.'),
}

-- nginx's own status -> code. What is not here is a request that nginx could not make sense of.
local CODE_OF_STATUS = {
  [403] = 'NOT_FOUND', -- a directory, or a file that nginx may not read: nothing to see either way
  [404] = 'NOT_FOUND',
  [405] = 'METHOD_NOT_ALLOWED',
  [413] = 'BODY_TOO_LARGE',
  [415] = 'UNSUPPORTED_MEDIA_TYPE',
  [429] = 'RATE_LIMITED', -- too many connections of one address
  [500] = 'UNAVAILABLE',
  [502] = 'UNAVAILABLE',
  [503] = 'UNAVAILABLE',
  [504] = 'UNAVAILABLE',
  [507] = 'UNAVAILABLE',
}

local RETRY_AFTER = { UNAVAILABLE = 1, RATE_LIMITED = 1 }

local CONNECTED = '0' -- as $upstream_connect_time tells it

local BEARER_CHALLENGE = 'Bearer realm="seckill"' -- bearerChallenge in contract/problems.ts
local PROBLEM_TYPE = 'application/problem+json'

-- By code and detail, the bodies that have one. There are few: some name a time, which each sale has one of.
local MAX_DETAILED = 100
local detailed, detailed_count = {}, 0

local _M = { problems = PROBLEMS, PROBLEM_TYPE = PROBLEM_TYPE }

-- The body with what to change in this one case. Of what JSON escapes, a detail holds quotation marks alone.
local function with_detail(code, detail)
  local of_code = detailed[code]
  local body = of_code and of_code[detail]
  if body then return body end
  if detailed_count == MAX_DETAILED then
    detailed, detailed_count = {}, 0
  end
  body = sub(PROBLEMS[code].body, 1, -2) .. ',"detail":"' .. gsub(detail, '"', '\\"') .. '"}'
  detailed[code] = detailed[code] or {}
  detailed[code][detail], detailed_count = body, detailed_count + 1
  return body
end

--- The body of a problem.
-- @tparam string code of the table above
-- @tparam ?string detail what to change, in this one case
-- @treturn string
-- @phases set, access, content
function _M.body_of(code, detail)
  return detail and with_detail(code, detail) or PROBLEMS[code].body
end

local body_of = _M.body_of

--- Answers with a problem and ends the request.
-- @tparam string code of the table above
-- @tparam ?number retry_after whole seconds
-- @tparam ?string detail what to change, in this one case
-- @phases access, content
function _M.refuse(code, retry_after, detail)
  local body = body_of(code, detail)
  ngx.status = PROBLEMS[code].status
  header['Content-Type'] = PROBLEM_TYPE
  header['Content-Length'] = #body
  if code == 'UNAUTHENTICATED' then header['WWW-Authenticate'] = BEARER_CHALLENGE end
  header['Cache-Control'] = 'no-store'
  if retry_after then header['Retry-After'] = retry_after end
  print(body)
  return exit(HTTP_OK)
end

--- Answers with something new, that is its reader's own, and ends the request.
-- @tparam string body JSON
-- @phases access
function _M.created(body)
  ngx.status = HTTP_CREATED
  header['Content-Type'] = 'application/json'
  header['Content-Length'] = #body
  header['Cache-Control'] = 'no-store'
  print(body)
  return exit(HTTP_OK)
end

-- Whether a person asks, in a browser: not for the API, nor for a part of a page. Where nothing is, everybody is one
-- who does not ask for JSON; else only who says that he reads HTML: what is broken was seldom sent by a browser.
local function is_person(code)
  local place = match(var.request_uri or '', '^/+([%w-]*)')
  if not place or lower(place) == 'api' or place == 'assets' then return false end
  local accept = var.http_accept or ''
  if find(accept, 'text/html', 1, true) then return true end
  return code == 'NOT_FOUND' and not find(accept, 'json', 1, true)
end

--- nginx's own refusal as a problem.
-- @phases content
function _M.as_problem()
  local code = CODE_OF_STATUS[ngx.status] or 'BAD_REQUEST'
  return _M.refuse(code, RETRY_AFTER[code])
end

--- What error_page leads to: nginx's own refusal, said like ours.
-- @phases content
function _M.error_page()
  local code = CODE_OF_STATUS[ngx.status] or 'BAD_REQUEST'
  local asked = var.seckill_asked -- over a link (link.lua), which is there already
  if asked and asked ~= '' then answered(ngx.status, asked, CONNECTED)
  else answered(ngx.status, var.upstream_addr, var.upstream_connect_time) end
  if code == 'METHOD_NOT_ALLOWED' then
    local allow = var.seckill_allow
    header['Allow'] = (allow and allow ~= '') and allow or 'GET, HEAD'
  end
  if not is_person(code) then return _M.refuse(code, RETRY_AFTER[code]) end
  header['Retry-After'] = RETRY_AFTER[code]
  return exec(code == 'NOT_FOUND' and '/_not-found' or '/_trouble')
end

return _M
