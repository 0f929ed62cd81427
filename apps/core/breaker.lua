-- A breaker's transitions, atomically, by the server's clock.
--
-- KEYS[1]  hash: failures (in a row, closed), open_until µs, probes (let through), probes_at µs, passed (probes that worked)
-- ARGV     action, failures to open, µs open, probes, µs of a trip
-- returns  {allowed or state: 0 closed/allowed, 1 open, 2 half-open, µs until it may be tried}

local key, action = KEYS[1], ARGV[1]
local threshold, open_us, probes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local stored = redis.call('HMGET', key, 'failures', 'open_until', 'probes', 'probes_at', 'passed')
local failures, open_until = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
local sent, sent_at, passed = tonumber(stored[3] or 0), tonumber(stored[4] or 0), tonumber(stored[5] or 0)

local CLOSED, OPEN, HALF_OPEN = 0, 1, 2
local state = CLOSED
if open_until > 0 then state = now < open_until and OPEN or HALF_OPEN end

local function whole(number) return string.format('%.0f', number) end

local function open_for(microseconds)
  redis.call('DEL', key)
  redis.call('HSET', key, 'open_until', whole(now + microseconds))
  -- Long enough to be half-open after a quiet night; then it starts afresh.
  redis.call('PEXPIRE', key, whole(microseconds / 1000 + 86400000))
end

if action == 'state' then
  return {state, state == OPEN and open_until - now or 0}
end

if action == 'trip' then
  local until_us = tonumber(ARGV[5])
  if now + until_us > open_until then open_for(until_us) end
  return {OPEN, until_us}
end

if action == 'allow' then
  if state == CLOSED then return {0, 0} end
  if state == OPEN then return {1, open_until - now} end
  -- A round whose results never came (a killed worker) is given up after another opening time.
  if now - sent_at >= open_us then
    sent = 0
    redis.call('HSET', key, 'passed', 0)
  end
  if sent >= probes then return {1, sent_at + open_us - now} end
  redis.call('HSET', key, 'probes', sent + 1, 'probes_at', whole(now))
  return {0, 0}
end

if action == 'unused' then
  -- The call was not made: somebody else may be the probe.
  if state == HALF_OPEN and sent > 0 then redis.call('HSET', key, 'probes', sent - 1) end
  return {0, 0}
end

if action == 'success' then
  if state == CLOSED then
    if failures > 0 then redis.call('DEL', key) end
  elseif state == HALF_OPEN and sent > 0 then
    -- While it is open a success is the late answer of a call from before.
    if passed + 1 >= probes then
      redis.call('DEL', key)
    else
      redis.call('HSET', key, 'passed', passed + 1)
    end
  end
  return {0, 0}
end

-- failure
if state == CLOSED then
  if failures + 1 >= threshold then
    open_for(open_us)
  else
    redis.call('HSET', key, 'failures', failures + 1)
    redis.call('PEXPIRE', key, 86400000)
  end
elseif state == HALF_OPEN and sent > 0 then
  open_for(open_us)
end
return {0, 0}
