-- Ends a session that cannot go on.
-- KEYS: 1 state  2 notifications
-- ARGV: 1 role  2 token  3 error
-- Returns 'ok' (also when it has ended already) or 'fenced'.
if fenced(KEYS[1], ARGV[1], ARGV[2]) then return 'fenced' end
local state = redis.call('HMGET', KEYS[1], 'status', 'clock_ms')
if state[1] == 'failed' or state[1] == 'finished' or state[1] == 'stopped' then return 'ok' end
redis.call('HSET', KEYS[1], 'status', 'failed', 'error', ARGV[3])
-- The stream may be what the session fails of: then the status has to do.
if state[2] then pcall(emit, KEYS[1], KEYS[2], {'type', 'session-failed', 'error', ARGV[3]}) end
return 'ok'
