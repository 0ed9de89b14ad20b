-- Begins an addition: the clock stands, snapshot reads answer nothing.
-- KEYS: 1 state  2 holds  3 operation  4 windows  5 answered
-- ARGV: 1 token  2 expected clock  3 command id  4 command entry, '' for the history of the first symbols
--       5 operation id  6 request (JSON)  7 hold  8 number of jobs  9... their first attempts
-- Returns {'ok'}, also where this command's operation has begun before; {'repeated'} where the id was answered before;
-- {'clock'}, {'ended'}, {'busy'} where another operation is in progress, or {'fenced'}. The operation records the clock,
-- the end of the last opened window (`final` where no more come) and the server's time.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return {'fenced'} end
local running = redis.call('HGET', KEYS[3], 'entry')
if running then return {running == ARGV[4] and 'ok' or 'busy'} end
if ARGV[4] ~= '' and not is_scheduled(ARGV[4]) and redis.call('HEXISTS', KEYS[5], ARGV[3]) == 1 then return {'repeated'} end
local state = redis.call('HMGET', KEYS[1], 'status', 'clock_ms')
if state[1] ~= 'running' and state[1] ~= 'paused' then return {'ended'} end
if state[2] ~= ARGV[2] then return {'clock'} end
expect({'hash', 'set', 'hash', 'hash', 'hash'})
number_in(KEYS[4], 'through_ms')
local windows = redis.call('HMGET', KEYS[4], 'through_ms', 'final')
redis.call('HSET', KEYS[3], 'phase', 'begun', 'operation', ARGV[5], 'command', ARGV[3], 'entry', ARGV[4], 'clock_ms', ARGV[2],
  'through_ms', windows[1] or ARGV[2], 'final', windows[2] or '0', 'begun_ms', whole(wall_ms()), 'request', ARGV[6], 'hold', ARGV[7])
for job = 1, tonumber(ARGV[8]) do
  redis.call('HSET', KEYS[3], 'attempt:' .. (job - 1), ARGV[8 + job])
end
redis.call('HSET', KEYS[1], 'active', '0')
redis.call('SADD', KEYS[2], ARGV[7])
settle_status(KEYS[1], KEYS[2])
return {'ok'}
