--- Signatures that a public key verifies: RS256, PS256, ES256 (RFC 7518, 3.3 to 3.5) and EdDSA with Ed25519 (RFC 8037),
-- by libcrypto's EVP, through LuaJIT's FFI. A context is made once a key and used for every signature.
-- Failure mode: a key that libcrypto does not take, or an OpenSSL before 3, where some of the functions are macros,
-- makes no verifier: the gateway judges. What libcrypto says of a failure is thrown away, or it came up in nginx' log.
-- @module seckill.office.signature

local ffi = require('ffi')
require('seckill.hmac') -- declares SHA-256
local platform = require('seckill.platform')

ffi.cdef([[
  typedef struct evp_pkey_st EVP_PKEY;
  typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
  typedef struct evp_md_st EVP_MD;
  typedef struct evp_md_ctx_st EVP_MD_CTX;
  EVP_PKEY *d2i_PUBKEY(EVP_PKEY **key, const unsigned char **der, long length);
  void EVP_PKEY_free(EVP_PKEY *key);
  EVP_PKEY_CTX *EVP_PKEY_CTX_new(EVP_PKEY *key, void *engine);
  void EVP_PKEY_CTX_free(EVP_PKEY_CTX *context);
  int EVP_PKEY_verify_init(EVP_PKEY_CTX *context);
  int EVP_PKEY_CTX_set_signature_md(EVP_PKEY_CTX *context, const EVP_MD *hash);
  int EVP_PKEY_CTX_set_rsa_padding(EVP_PKEY_CTX *context, int padding);
  int EVP_PKEY_CTX_set_rsa_pss_saltlen(EVP_PKEY_CTX *context, int bytes);
  int EVP_PKEY_verify(EVP_PKEY_CTX *context, const unsigned char *signature, size_t signature_length,
                      const unsigned char *hash, size_t hash_length);
  const EVP_MD *EVP_sha256(void);
  EVP_MD_CTX *EVP_MD_CTX_new(void);
  int EVP_MD_CTX_reset(EVP_MD_CTX *context);
  int EVP_DigestVerifyInit(EVP_MD_CTX *context, EVP_PKEY_CTX **of_key, const EVP_MD *hash, void *engine, EVP_PKEY *key);
  int EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t signature_length,
                       const unsigned char *text, size_t length);
  void ERR_clear_error(void);
]])

local decode_base64, log, WARN = ngx.decode_base64, ngx.log, ngx.WARN
local copy = ffi.copy
local ipairs, pcall = ipairs, pcall

local FUNCTIONS = {
  'd2i_PUBKEY', 'EVP_PKEY_free', 'EVP_PKEY_CTX_new', 'EVP_PKEY_CTX_free', 'EVP_PKEY_verify_init',
  'EVP_PKEY_CTX_set_signature_md', 'EVP_PKEY_CTX_set_rsa_padding', 'EVP_PKEY_CTX_set_rsa_pss_saltlen',
  'EVP_PKEY_verify', 'EVP_sha256', 'EVP_MD_CTX_new', 'EVP_MD_CTX_reset', 'EVP_DigestVerifyInit', 'EVP_DigestVerify',
  'ERR_clear_error',
}
local PKCS1_PADDING, PSS_PADDING = 1, 6
local HASH_BYTES = 32
local CURVE_BYTES = 32
-- Of an Ed25519 and an ES256 signature alike; and how long the keys of both are in DER.
local SHORT_BYTES = 64
local KEY_BYTES = { ['P-256'] = 91, Ed25519 = 44 }
local LONGEST_DER = 72
local INTEGER, SEQUENCE = 0x02, 0x30

local KIND_OF = { RS256 = 'RSA', PS256 = 'RSA', ES256 = 'P-256', EdDSA = 'Ed25519' }

-- The namespace with all functions, nil where one is missing.
local function find_libcrypto()
  local found, library = pcall(platform.libcrypto, FUNCTIONS[1])
  if not found then return nil, library end
  for _, name in ipairs(FUNCTIONS) do
    if not pcall(function() return library[name] end) then return nil, 'it has no ' .. name end
  end
  return library
end

local crypto, problem = find_libcrypto()
if not crypto then
  log(WARN, 'seckill: the gateway judges all tokens but HS256: libcrypto is not of OpenSSL 3: ', problem)
end

-- One of each for the worker: nothing here yields.
local sha256 = ffi.new('SHA256_CTX')
local hash = ffi.new('unsigned char[?]', HASH_BYTES)
local der = ffi.new('unsigned char[?]', LONGEST_DER)
local md_context

local _M = {}

--- The kind of key that an algorithm takes: `kind` of EdgeSignInKey; nil of an algorithm that is not verified here.
-- @phases any
function _M.kind_of(alg)
  return KIND_OF[alg]
end

--- Whether there is a libcrypto here that verifies.
-- @phases any
function _M.is_possible()
  return crypto ~= nil
end

local function context_of(key, alg)
  local context = crypto.EVP_PKEY_CTX_new(key, nil)
  if context == nil then return nil end
  context = ffi.gc(context, crypto.EVP_PKEY_CTX_free)
  local is_set = crypto.EVP_PKEY_verify_init(context) == 1
    and (KIND_OF[alg] ~= 'RSA'
      or crypto.EVP_PKEY_CTX_set_rsa_padding(context, alg == 'PS256' and PSS_PADDING or PKCS1_PADDING) == 1)
    and crypto.EVP_PKEY_CTX_set_signature_md(context, crypto.EVP_sha256()) == 1
    and (alg ~= 'PS256' or crypto.EVP_PKEY_CTX_set_rsa_pss_saltlen(context, HASH_BYTES) == 1)
  return is_set and context or nil
end

local function make_verifier(alg, spki)
  local kind, text = KIND_OF[alg], decode_base64(spki)
  if not kind or not text or KEY_BYTES[kind] and #text ~= KEY_BYTES[kind] then return nil end
  local at = ffi.new('const unsigned char *[1]', ffi.cast('const unsigned char *', text))
  local key = crypto.d2i_PUBKEY(nil, at, #text)
  if key == nil then return nil end
  key = ffi.gc(key, crypto.EVP_PKEY_free)
  if kind == 'Ed25519' then return { alg = alg, key = key } end
  local context = context_of(key, alg)
  return context and { alg = alg, context = context }
end

--- What verifies signatures of one algorithm by one key.
-- @tparam string alg
-- @tparam string spki the key: base64 of a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7)
-- @treturn ?table nil when the key cannot be used
-- @phases any
function _M.verifier(alg, spki)
  if not crypto then return nil end
  local verifier = make_verifier(alg, spki)
  if not verifier then crypto.ERR_clear_error() end
  return verifier
end

-- Puts a big-endian number of 32 bytes into `der`, as ASN.1 has it: as short as it can be, and not negative.
local function put_integer(at, number)
  local first = 0
  while first < CURVE_BYTES - 1 and number[first] == 0 do first = first + 1 end
  local length = CURVE_BYTES - first
  local zero = number[first] >= 0x80 and 1 or 0
  der[at], der[at + 1], der[at + 2] = INTEGER, length + zero, 0
  copy(der + at + 2 + zero, number + first, length)
  return at + 2 + zero + length
end

-- r and s, one behind the other (RFC 7518, 3.4), as libcrypto takes them.
local function put_in_der(signature)
  local ends = put_integer(put_integer(2, signature), signature + CURVE_BYTES)
  der[0], der[1] = SEQUENCE, ends - 2
  return ends
end

local function verify_ed25519(verifier, text, length, signature)
  md_context = md_context or crypto.EVP_MD_CTX_new()
  crypto.EVP_MD_CTX_reset(md_context)
  if crypto.EVP_DigestVerifyInit(md_context, nil, nil, nil, verifier.key) ~= 1 then return -1 end
  return crypto.EVP_DigestVerify(md_context, signature, SHORT_BYTES, text, length)
end

local function verify(verifier, text, length, signature, signature_length)
  local alg = verifier.alg
  if alg == 'EdDSA' then
    return signature_length == SHORT_BYTES and verify_ed25519(verifier, text, length, signature) or -1
  end
  if alg == 'ES256' then
    if signature_length ~= SHORT_BYTES then return -1 end
    signature, signature_length = der, put_in_der(signature)
  end
  crypto.SHA256_Init(sha256)
  crypto.SHA256_Update(sha256, text, length)
  crypto.SHA256_Final(hash, sha256)
  return crypto.EVP_PKEY_verify(verifier.context, signature, signature_length, hash, HASH_BYTES)
end

--- Whether a signature is right.
-- @tparam table verifier
-- @param text memory, signed
-- @tparam number length of it
-- @param signature memory
-- @tparam number signature_length
-- @treturn ?boolean nil when libcrypto cannot say
-- @phases any
function _M.is_right(verifier, text, length, signature, signature_length)
  local outcome = verify(verifier, text, length, signature, signature_length)
  if outcome == 1 then return true end
  crypto.ERR_clear_error()
  if outcome == 0 then return false end
  return nil
end

return _M
