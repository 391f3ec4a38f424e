--- Checks tickets: the twin of checkTicket in seckill-service/contract/ticket.ts, where the format is described.
-- HMAC-SHA256 (RFC 2104) and the constant-time comparison are libcrypto's, called through LuaJIT's FFI.
-- @module seckill.ticket

local ffi = require('ffi')
local platform = require('seckill.platform')
local decode_base64url = require('ngx.base64').decode_base64url

local match, sub, byte, tonumber = string.match, string.sub, string.byte, tonumber

ffi.cdef([[
  typedef struct evp_md_st EVP_MD;
  const EVP_MD *EVP_sha256(void);
  unsigned char *HMAC(const EVP_MD *md, const void *key, int key_length, const unsigned char *data, size_t length,
                      unsigned char *digest, unsigned int *digest_length);
  int CRYPTO_memcmp(const void *a, const void *b, size_t length);
]])

local crypto = platform.libcrypto('HMAC')
local sha256 = crypto.EVP_sha256()

local MAX_LENGTH = 512
local DIGEST_BYTES = 32
local SIGNATURE_LENGTH = 43
local ULID_LENGTH = 26
local HYPHEN = byte('-')
local PATTERN = '^1%.([a-z0-9]+)%.(%d+)%.([a-z0-9-]+)%.([A-Za-z0-9_-]+)%.([A-Za-z0-9_-]+)$'
local ULID_PATTERN = '^[0-9a-hjkmnp-tv-z]+$'

-- One of each for the worker: a check never yields, so nobody else writes into them meanwhile.
local digest = ffi.new('unsigned char[?]', DIGEST_BYTES)
local digest_length = ffi.new('unsigned int[1]')

local secrets = {}

local _M = {}

--- Takes the keys; raises on a text that parseTicketKeys of the contract refuses.
-- @tparam string text `id:secret[,id:secret]`
-- @phases init
function _M.init(text)
  secrets = {}
  for pair in (text .. ','):gmatch('([^,]*),') do
    local id, secret = match(pair, '^%s*([a-z0-9]+):(.-)%s*$')
    if not id or #id > 16 or #secret < 32 then
      error('the ticket keys must be id:secret pairs, id of a-z and 0-9, secret of at least 32 characters')
    end
    secrets[id] = secrets[id] or secret
  end
end

--- Checks shape, signature, sale, then expiry.
-- @tparam string text the header's value
-- @tparam string sale_id the sale of the path, a known one
-- @tparam number now_ms
-- @return the user, as the ticket spells it (base64url), or nil and a problem code
-- @phases access
function _M.check(text, sale_id, now_ms)
  if #text > MAX_LENGTH then return nil, 'TICKET_INVALID' end
  local key_id, expires, order_id, user, signature = match(text, PATTERN)
  if not key_id or #expires ~= 10 or #user < 2 or #user > 172 or #signature ~= SIGNATURE_LENGTH then
    return nil, 'TICKET_INVALID'
  end
  local secret = secrets[key_id]
  local given = decode_base64url(signature)
  if not secret or not given or #given ~= DIGEST_BYTES then return nil, 'TICKET_INVALID' end

  crypto.HMAC(sha256, secret, #secret, text, #text - SIGNATURE_LENGTH - 1, digest, digest_length)
  if crypto.CRYPTO_memcmp(digest, given, DIGEST_BYTES) ~= 0 then return nil, 'TICKET_INVALID' end

  -- <saleId>-<ulid>
  if byte(order_id, -ULID_LENGTH - 1) ~= HYPHEN or sub(order_id, 1, -ULID_LENGTH - 2) ~= sale_id
    or not match(sub(order_id, -ULID_LENGTH), ULID_PATTERN) then
    return nil, 'TICKET_INVALID'
  end
  if tonumber(expires) * 1000 <= now_ms then return nil, 'TICKET_EXPIRED' end
  return user
end

return _M
