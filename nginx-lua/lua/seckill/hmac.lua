--- HMAC-SHA256 (RFC 2104) over libcrypto's SHA-256, through LuaJIT's FFI, without an allocation per message.
-- HMAC hashes the key first, twice over: once into an inner and once into an outer hash. Both states are made once a
-- key and copied for each message. libcrypto's own HMAC(), in OpenSSL 3, fetches its algorithm and allocates for each
-- call: two microseconds more than both hashes take.
-- @module seckill.hmac

local ffi = require('ffi')
local encode = require('seckill.base64url').encode
local platform = require('seckill.platform')

ffi.cdef([[
  typedef struct {
    unsigned int h[8], nl, nh, data[16], num, md_len;
  } SHA256_CTX;
  int SHA256_Init(SHA256_CTX *context);
  int SHA256_Update(SHA256_CTX *context, const void *data, size_t length);
  int SHA256_Final(unsigned char *digest, SHA256_CTX *context);
  int CRYPTO_memcmp(const void *a, const void *b, size_t length);
]])

local crypto = platform.libcrypto('SHA256_Update')
local bxor, byte, char, copy, rep = bit.bxor, string.byte, string.char, ffi.copy, string.rep

local BLOCK_BYTES, DIGEST_BYTES = 64, 32
local CONTEXT_BYTES = ffi.sizeof('SHA256_CTX')

-- One of each for the worker: a computation never yields, so no other request writes into them meanwhile.
local context = ffi.new('SHA256_CTX')
local digest = ffi.new('unsigned char[?]', DIGEST_BYTES)

local _M = { digest_bytes = DIGEST_BYTES }

-- The state of a hash that has taken in one block: the key, each byte of it xor `pad`.
local function state_of(block, pad)
  local masked = block:gsub('.', function(letter) return char(bxor(byte(letter), pad)) end)
  local state = ffi.new('SHA256_CTX')
  crypto.SHA256_Init(state)
  crypto.SHA256_Update(state, masked, BLOCK_BYTES)
  return state
end

local function hash(text)
  crypto.SHA256_Init(context)
  crypto.SHA256_Update(context, text, #text)
  crypto.SHA256_Final(digest, context)
  return ffi.string(digest, DIGEST_BYTES)
end

--- Prepares a key.
-- @tparam string secret of any length
-- @treturn table for the functions below
-- @phases set, access, content, timer
function _M.key(secret)
  local short = #secret > BLOCK_BYTES and hash(secret) or secret
  local block = short .. rep('\0', BLOCK_BYTES - #short)
  return { inner = state_of(block, 0x36), outer = state_of(block, 0x5c) }
end

-- The HMAC of the first `length` bytes of `text`, into `digest`.
local function compute(key, text, length)
  copy(context, key.inner, CONTEXT_BYTES)
  crypto.SHA256_Update(context, text, length)
  crypto.SHA256_Final(digest, context)
  copy(context, key.outer, CONTEXT_BYTES)
  crypto.SHA256_Update(context, digest, DIGEST_BYTES)
  crypto.SHA256_Final(digest, context)
end

--- The HMAC of a text.
-- @tparam table key
-- @param text a string, or memory
-- @tparam ?number length of memory, in bytes
-- @return 32 bytes of memory, which the next call overwrites
-- @phases set, access
function _M.digest(key, text, length)
  compute(key, text, length or #text)
  return digest
end

--- The HMAC of a text, as base64url.
-- @tparam table key
-- @tparam string text
-- @treturn string 43 letters
function _M.sign(key, text)
  compute(key, text, #text)
  return encode(digest, DIGEST_BYTES)
end

--- Whether `signature` is that of the first `length` bytes of `text`; compared in constant time.
-- @tparam table key
-- @tparam string text
-- @tparam number length
-- @param signature 32 bytes of memory
-- @phases any
function _M.is_signature(key, text, length, signature)
  compute(key, text, length)
  return crypto.CRYPTO_memcmp(digest, signature, DIGEST_BYTES) == 0
end

return _M
