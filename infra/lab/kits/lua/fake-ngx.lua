--- As much of ngx as the pure tests need: shared dictionaries with expiry, and a clock that the test sets.
-- luacheck: globals ngx

local clock = { seconds = 1790000000 }

local function new_dict()
  local values, ends = {}, {}
  local function live(key)
    if ends[key] and ends[key] <= clock.seconds then
      values[key], ends[key] = nil, nil
    end
    return values[key]
  end
  local function ends_at(ttl)
    return ttl and ttl > 0 and clock.seconds + ttl or nil
  end
  local dict = {}
  function dict.get(_, key)
    return live(key)
  end
  function dict.set(_, key, value, ttl)
    values[key], ends[key] = value, ends_at(ttl)
    return true
  end
  dict.safe_set = dict.set
  function dict.add(_, key, value, ttl)
    if live(key) ~= nil then return false, 'exists' end
    return dict:set(key, value, ttl)
  end
  function dict.delete(_, key)
    values[key], ends[key] = nil, nil
  end
  function dict.incr(_, key, by, init, init_ttl)
    local value = live(key)
    if not value then
      if not init then return nil, 'not found' end
      value, ends[key] = init, ends_at(init_ttl)
    end
    values[key] = value + by
    return values[key]
  end
  function dict.expire(_, key, ttl)
    if live(key) == nil then return nil, 'not found' end
    ends[key] = ends_at(ttl)
    return true
  end
  function dict.ttl(_, key)
    if live(key) == nil then return nil, 'not found' end
    return ends[key] and ends[key] - clock.seconds or 0
  end
  function dict.get_keys()
    local keys = {}
    for key in pairs(values) do
      if live(key) ~= nil then keys[#keys + 1] = key end
    end
    return keys
  end
  return dict
end

ngx = {
  HTTP_OK = 200,
  ERR = 4,
  log = function() end,
  now = function() return clock.seconds end,
  header = {},
  req = { start_time = function() return clock.seconds end },
  shared = setmetatable({}, {
    __index = function(dicts, name)
      local dict = new_dict()
      rawset(dicts, name, dict)
      return dict
    end,
  }),
}

-- These two need LuaJIT.
package.loaded['seckill.shared_number'] = { named = function() return { [0] = 0 } end }
package.loaded['seckill.variable'] = {
  named = function(name) return name end,
  text = function(name) return ngx.var[name] end,
}

return clock
