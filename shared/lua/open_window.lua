-- Opens the next window of the main feed, or gives the stored one again.
-- KEYS: 1 state  2 holds  3 windows  4 symbols
-- ARGV: 1 token  2 window start  3 window end  4 how far ahead of the clock a window may start, ms
-- Returns {'opened', JSON of the window's symbols}, {'final'} after the session's end, {'wait'} while there is a hold
-- (other than of an expected consumer) or the clock is too far behind, or {'fenced'}. The symbols are those of this
-- moment, stored with the window: whoever is added later brings a feed of its own for it.
if fenced(KEYS[1], 'producer', ARGV[1]) then return {'fenced'} end
local known = redis.call('HGET', KEYS[3], ARGV[2])
if known then return {'opened', known} end
local state = redis.call('HMGET', KEYS[1], 'status', 'clock_ms', 'end_ms')
for _, field in ipairs({'clock_ms', 'end_ms'}) do number_in(KEYS[1], field) end
if redis.call('HGET', KEYS[3], 'final') or state[1] == 'stopped' or state[1] == 'failed' then return {'final'} end
if state[1] == 'created' then return {'wait'} end
-- A consumer that is expected holds the clock and nothing else: there are to be bars when it comes.
for _, hold in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if string.sub(hold, 1, 7) ~= 'expect:' then return {'wait'} end
end
if tonumber(ARGV[2]) >= tonumber(state[3]) then
  redis.call('HSET', KEYS[3], 'final', '1')
  return {'final'}
end
if tonumber(ARGV[2]) > tonumber(state[2]) + tonumber(ARGV[4]) then return {'wait'} end
local records = redis.call('HGETALL', KEYS[4])
local parts = {}
for i = 1, #records, 2 do
  local known, record = pcall(cjson.decode, records[i + 1])
  if not known or type(record) ~= 'table' then malformed(KEYS[4] .. ' has no record of ' .. records[i]) end
  parts[#parts + 1] = cjson.encode(records[i]) .. ':' .. records[i + 1]
end
local symbols = '{' .. table.concat(parts, ',') .. '}'
-- Windows that the clock has left behind are not asked for again.
for _, start in ipairs(redis.call('HKEYS', KEYS[3])) do
  local window = tonumber(start)
  if window and window + tonumber(ARGV[3]) - tonumber(ARGV[2]) <= tonumber(state[2]) then
    redis.call('HDEL', KEYS[3], start)
  end
end
redis.call('HSET', KEYS[3], ARGV[2], symbols, 'through_ms', ARGV[3])
return {'opened', symbols}
