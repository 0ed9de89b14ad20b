-- Says for which consumers the clock waits.
-- KEYS: 1 state
-- ARGV: 1 token  2 names joined by commas, '' for nobody
-- Returns 'ok' or 'fenced'.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], 'waiting_for')
else
  redis.call('HSET', KEYS[1], 'waiting_for', ARGV[2])
end
return 'ok'
