-- The state, and the notifications after an entry, as they are at one moment: in between another hand's entry could be taken
-- out that was read, and the place of what was read instead would be in doubt.
-- KEYS: 1 state  2 notifications
-- ARGV: 1 the entry  2 how many notifications at most  then the fields of the state
-- Returns {values of the fields, {{id, {field, value, ...}}, ...}}.
local state = redis.call('HMGET', KEYS[1], unpack(ARGV, 3))
return {state, redis.call('XRANGE', KEYS[2], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
