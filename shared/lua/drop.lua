-- Drops consumers that are dead, with an event for each: nobody waits for them any more.
-- KEYS: 1 state  2 notifications  3 consumers
-- ARGV: 1 token  2 wall time, ms: who has shown no life since then is dead  3... names
-- Returns {'ok', names...} of those that were dropped, also by an earlier call: not of one that has shown life meanwhile
-- or has left, and of none where the session has ended; {'fenced'}.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return {'fenced'} end
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'running' and status ~= 'paused' then return {'ok'} end
expect({'hash', 'stream', 'hash'})
check_emit(KEYS[1])
local dropped = {'ok'}
for i = 3, #ARGV do
  local beat = redis.call('HGET', KEYS[3], ARGV[i])
  local beat_ms = tonumber(beat or '0') or 0
  if beat_ms > 0 and beat_ms < tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[3], ARGV[i])
    emit(KEYS[1], KEYS[2], {'type', 'consumer-dropped', 'consumer', ARGV[i]})
    beat = nil
  end
  if not beat then dropped[#dropped + 1] = ARGV[i] end
end
return dropped
