#!lua flags=allow-oom
-- Says in the state what keeps a role from going on with the session, and since when.
-- KEYS: 1 state
-- ARGV: 1 role  2 token  3 the reason, '' for none
-- Returns 'ok' or 'fenced'. Another reason for the same trouble does not change since when it is there.
if fenced(KEYS[1], ARGV[1], ARGV[2]) then return 'fenced' end
local reason, since = ARGV[1] .. '_trouble', ARGV[1] .. '_trouble_ms'
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], reason, since)
else
  redis.call('HSET', KEYS[1], reason, ARGV[3])
  redis.call('HSETNX', KEYS[1], since, whole(wall_ms()))
end
return 'ok'
