-- Says in the state what stands in the way of recording the session.
-- KEYS: 1 state
-- ARGV: 1 token  2 the reason, '' for none
-- Returns 'ok' or 'fenced'.
if fenced(KEYS[1], 'recorder', ARGV[1]) then return 'fenced' end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], 'recording_error')
else
  redis.call('HSET', KEYS[1], 'recording_error', ARGV[2])
end
return 'ok'
