-- Ends a session whose last exchange has closed.
-- KEYS: 1 state  2 holds  3 notifications  4 journal  5 main feed  6... other feeds
-- ARGV: 1 token  2 end  3 run hash after the event
-- Returns 'ok', also for a call that was carried out before; 'held'; 'clock' where the clock has not reached the end,
-- or the end has moved; 'ended' where the session was stopped or has failed; 'fenced'.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
local state = redis.call('HMGET', KEYS[1], 'status', 'clock_ms', 'end_ms')
if state[1] == 'finished' then return 'ok' end
if state[1] ~= 'running' and state[1] ~= 'paused' then return 'ended' end
if redis.call('SCARD', KEYS[2]) > 0 then
  settle_status(KEYS[1], KEYS[2])
  return 'held'
end
if state[2] ~= ARGV[2] or state[3] ~= ARGV[2] then return 'clock' end
expect({'hash', 'set', 'stream', 'stream', 'stream'})
check_emit(KEYS[1])
redis.call('HSET', KEYS[1], 'status', 'finished', 'run_hash', ARGV[3])
redis.call('HDEL', KEYS[1], 'stop_ms', 'stop_ticks')
emit(KEYS[1], KEYS[3], {'type', 'session-finished'})
note(KEYS[1], KEYS[4], {'op', 'session-finished'})
redis.call('XTRIM', KEYS[5], 'MAXLEN', 0) -- it keeps its last id: a producer that still writes to it does not begin anew
for k = 6, #KEYS do redis.call('DEL', KEYS[k]) end
return 'ok'
