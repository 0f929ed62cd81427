-- Requests of many callers against their windows, atomically, by the server's clock.
--
-- KEYS     one per caller
-- ARGV[1]  msgpack: per key {limit, window ms, wanted, given back, window the latter was taken from}
-- returns  per key {granted, left, ms until the window ends, the window's start in ms}
--
-- State of a key: "start:count", gone with the end of its window. What is given back counts only in the window that it was
-- taken from, so a window never grants more than its limit.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i, ask in ipairs(cmsgpack.unpack(ARGV[1])) do
  local limit, window, wanted, back, of = ask[1], ask[2], ask[3], ask[4], ask[5]
  local start, count = now, 0
  local stored = redis.call('GET', KEYS[i])
  if stored then
    local cut = string.find(stored, ':', 1, true)
    start, count = tonumber(string.sub(stored, 1, cut - 1)), tonumber(string.sub(stored, cut + 1))
    -- The server's clock may have been set back.
    if now >= start + window or now < start then start, count = now, 0 end
  end
  if of == start then count = math.max(0, count - back) end
  local granted = math.max(0, math.min(wanted, limit - count))
  count = count + granted
  local ends = start + window - now
  if count > 0 then
    redis.call('SET', KEYS[i], string.format('%d:%d', start, count), 'PX', ends)
  elseif stored then
    redis.call('DEL', KEYS[i])
  end
  answers[i] = {granted, math.max(0, limit - count), ends, start}
end
return answers
