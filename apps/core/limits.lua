-- Multi-tier limits for a whole batch, atomically, by the server's clock.
--
-- KEYS     one per distinct demand key
-- ARGV[1]  msgpack: list of items; item = list of demands; demand = {key number, cost, {{count, window µs}, ...}}
-- returns  per item 0 (granted, everything consumed) or the µs to wait (nothing consumed)
--
-- State of a key, msgpack: {["tap"] = closed until µs, [tostring(window)] = {first, last, count, first, last, count, ...}}
-- A tier's state is a sliding log whose neighbours merge while they lie within a tenth of the window. A merged entry
-- leaves when its *last* grant does, so the count over any window is never understated: at most `count` grants lie in any
-- window, and a grant comes at most a tenth of the window later than an unmerged log would allow.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local items = cmsgpack.unpack(ARGV[1])

local states, changed = {}, {}
for from = 1, #KEYS, 1000 do
  -- unpack() puts its values on Lua's stack, which holds 8,000.
  local to = math.min(from + 999, #KEYS)
  local stored = redis.call('MGET', unpack(KEYS, from, to))
  for i = from, to do
    states[i] = stored[i - from + 1] and cmsgpack.unpack(stored[i - from + 1]) or {}
  end
end

-- µs until `cost` more fit into the window; drops what has left it.
local function tier_wait(state, count, window, cost)
  local name = tostring(window)
  local log = state[name]
  if not log then return 0 end
  local kept, total = {}, 0
  for i = 1, #log, 3 do
    if log[i + 1] + window > now then
      kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = log[i], log[i + 1], log[i + 2]
      total = total + log[i + 2]
    end
  end
  state[name] = kept
  local excess = total + cost - count
  local position = 1
  local wait = 0
  while excess > 0 do
    excess = excess - kept[position + 2]
    wait = kept[position + 1] + window - now
    position = position + 3
  end
  return wait
end

local function item_wait(item)
  local longest = 0
  for _, demand in ipairs(item) do
    local state = states[demand[1]]
    if state.tap and state.tap - now > longest then longest = state.tap - now end
    for _, tier in ipairs(demand[3]) do
      local wait = tier_wait(state, tier[1], tier[2], demand[2])
      if wait > longest then longest = wait end
    end
  end
  return longest
end

local function consume(item)
  for _, demand in ipairs(item) do
    local state = states[demand[1]]
    changed[demand[1]] = true
    for _, tier in ipairs(demand[3]) do
      local name = tostring(tier[2])
      local log = state[name]
      if not log then
        log = {}
        state[name] = log
      end
      local size = #log
      if size > 0 and now - log[size - 2] < tier[2] / 10 then
        -- The server's clock may have been set back.
        log[size - 1] = math.max(log[size - 1], now)
        log[size] = log[size] + demand[2]
      else
        log[size + 1], log[size + 2], log[size + 3] = now, now, demand[2]
      end
    end
  end
end

local answers = {}
for i, item in ipairs(items) do
  local wait = item_wait(item)
  if wait == 0 then consume(item) end
  answers[i] = wait
end

for i in pairs(changed) do
  local state = states[i]
  if state.tap and state.tap <= now then state.tap = nil end
  local until_us = state.tap or now
  for name, log in pairs(state) do
    if name ~= 'tap' then
      local leaves = (log[#log - 1] or 0) + tonumber(name)
      if leaves > now then
        if leaves > until_us then until_us = leaves end
      else
        state[name] = nil
      end
    end
  end
  redis.call('SET', KEYS[i], cmsgpack.pack(state), 'PX', math.ceil((until_us - now) / 1000) + 1)
end
return answers
