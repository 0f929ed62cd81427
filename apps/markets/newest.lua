-- Sets KEYS[1] to ARGV[1] ("" deletes it) for ARGV[3] ms, unless what it was set to before is of a later moment than
-- ARGV[2], by at most ARGV[4] ms. KEYS[2] holds that moment (Unix ms).
local ahead = tonumber(redis.call("GET", KEYS[2]) or ARGV[2]) - tonumber(ARGV[2])
if ahead > 0 and ahead <= tonumber(ARGV[4]) then
  return 0
end
if ARGV[1] == "" then
  redis.call("DEL", KEYS[1])
else
  redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[3])
end
redis.call("SET", KEYS[2], ARGV[2], "PX", ARGV[3])
return 1
