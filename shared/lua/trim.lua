-- Forgets the oldest notifications, unless a living consumer has not read them, and what only they could be read with.
-- KEYS: 1 state  2 notifications  3 consumers  4 removed  5... the consumers' hashes; then session data that goes
-- ARGV: 1 token  2 id of the last entry to forget: its ms  3 and its number  4 ms of silence after which a consumer is dead
--       5 how many consumers the caller knows  6 number of those that are ones  7... their names; then the names of
--       what was removed and goes
-- Returns {'ok'}; {'behind', names...} of living consumers; {'others'} where there are other consumers than
-- the caller knows; {'ended'}; {'fenced'}. A dead consumer that is left behind is dropped,
-- with an event. One that was left behind before is not waited for, even if it shows life again: what it needs is gone.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return {'fenced'} end
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'running' and status ~= 'paused' then return {'ended'} end
expect({'hash', 'stream', 'hash', 'hash'})
check_emit(KEYS[1])
if redis.call('HLEN', KEYS[3]) ~= tonumber(ARGV[5]) then return {'others'} end
local ms, number, now = tonumber(ARGV[2]), tonumber(ARGV[3]), wall_ms()
local behind, dropped = {'behind'}, {}
local gone_ms, gone_number = string.match(redis.call('HGET', KEYS[1], 'trimmed') or '0-0', '^(%d+)-(%d+)$')
gone_ms, gone_number = tonumber(gone_ms), tonumber(gone_number)
local names = tonumber(ARGV[6])
for k = 5, 4 + names do
  local name, cursor = ARGV[k + 2], redis.pcall('HGET', KEYS[k], 'cursor')
  local beat = redis.call('HGET', KEYS[3], name)
  if type(cursor) == 'string' and beat then -- else it is no consumer, but the work of a hand
    local at_ms, at_number = string.match(cursor, '^(%d+)-(%d+)$')
    at_ms, at_number = tonumber(at_ms), tonumber(at_number)
    if at_ms and (at_ms < ms or (at_ms == ms and at_number < number)) then
      local lost = at_ms < gone_ms or (at_ms == gone_ms and at_number < gone_number)
      local beat_ms = tonumber(beat) or 0
      -- With 0 it has left; nor does one live that is to beat in a year.
      local lives = beat_ms > 0 and math.abs(now - beat_ms) < tonumber(ARGV[4])
      if lives and not lost then
        behind[#behind + 1] = name
      elseif not lives then
        dropped[#dropped + 1] = name
      end
    end
  end
end
if #behind > 1 then return behind end
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2] .. '-' .. whole(number + 1))
redis.call('HSET', KEYS[1], 'trimmed', ARGV[2] .. '-' .. ARGV[3])
for k = 5 + names, #KEYS do redis.call('UNLINK', KEYS[k]) end
for at = 7 + names, #ARGV do redis.call('HDEL', KEYS[4], ARGV[at]) end
for _, name in ipairs(dropped) do
  redis.call('HDEL', KEYS[3], name)
  emit(KEYS[1], KEYS[2], {'type', 'consumer-dropped', 'consumer', name})
end
return {'ok'}
