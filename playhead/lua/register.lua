-- Takes a consumer's name for one process.
-- KEYS: 1 state  2 consumers  3 consumer
-- ARGV: 1 name  2 holder (unique to the process)  3 ms without a heartbeat after which a holder is dead
--       4 '1' where a first registration is to start at the oldest notification that is kept in any session
-- Returns {'ok', cursor, lead of the session or ''}, {'taken', ms since the holder's heartbeat}, {'missing'} where there
-- is no session, {'history'} where the cursor belongs to another session of this name, or {'garbled', cursor} where it is
-- no position. A first registration starts
-- at the oldest notification that is kept. In a session with a lead it starts at the last one, unless the clock has
-- not moved yet: all others would have to wait for it.
local state = redis.call('HMGET', KEYS[1], 'history', 'lead', 'clock_ms', 'first_ms', 'noted', 'trimmed')
local history, lead = state[1], state[2]
if not history then return {'missing'} end
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local known = redis.call('HMGET', KEYS[3], 'holder', 'cursor', 'history')
if known[3] and known[3] ~= history then return {'history'} end
if known[2] and not string.match(known[2], '^%d+%-%d+$') then return {'garbled', known[2]} end
-- Before the first write: another hand may have spoilt the key, or its text. Nobody has beaten in time to come.
local silent_ms = math.abs(now_ms - (tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0') or 0))
if known[1] and known[1] ~= '' and known[1] ~= ARGV[2] and silent_ms < tonumber(ARGV[3]) then
  return {'taken', silent_ms}
end
local cursor = known[2]
if not cursor then
  local begun = state[3] ~= state[4]
  cursor = lead and begun and ARGV[4] ~= '1' and state[5] or state[6]
end
-- The coordinator may have looked already who is there: with this it looks again before the clock moves.
if lead then redis.call('HINCRBY', KEYS[1], 'joined', 1) end
redis.call('HSET', KEYS[3], 'holder', ARGV[2], 'history', history, 'cursor', cursor)
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now_ms))
return {'ok', cursor, lead or ''}
