-- Close a key's tap for a while; a shorter closure never shortens a longer one.
--
-- KEYS[1]  the demand key's state (see limits.lua); ARGV[1] µs

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local until_us = now + tonumber(ARGV[1])
local stored = redis.call('GET', KEYS[1])
local state = stored and cmsgpack.unpack(stored) or {}
if state.tap and state.tap >= until_us then return 0 end
state.tap = until_us
local left = math.max(redis.call('PTTL', KEYS[1]), math.ceil((until_us - now) / 1000) + 1)
redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', left)
return 1
