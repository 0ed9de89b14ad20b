-- Creates the state of a session.
-- KEYS: 1 state
-- ARGV: 1 config (JSON)  2 history id  3 wall clock, ms  4 speed
-- Returns 1, or 0 where a session of this name is there already (unless it is this very one, by its history id).
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HGET', KEYS[1], 'history') == ARGV[2] and 1 or 0
end
local lead = cjson.decode(ARGV[1]).lead
if type(lead) == 'number' then redis.call('HSET', KEYS[1], 'lead', lead) end
redis.call('HSET', KEYS[1], 'status', 'created', 'active', '1', 'config', ARGV[1], 'history', ARGV[2],
  'created_ms', ARGV[3], 'speed', ARGV[4], 'noted', '0-0', 'trimmed', '0-0', 'commands_at', '0-0', 'events', '0')
return 1
