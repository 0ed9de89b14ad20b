-- Reads what a summary of the session needs in one step: state, holds, symbols, what is scheduled, the size of each run.
-- KEYS: 1 state  2 holds  3 symbols  4 schedule  5 scheduled  6... bars keys that the caller wants sized
-- ARGV: 1 clock from which these are the bars of the current trading days  2 clock from which they are not any more
-- Returns {state as a flat list, holds, symbols as a flat list, {{start, bytes, ...} per bars key}, {market
-- time, number, command, ...} in the order of their times}. The sizes are left out while the session is inactive, and where the clock is elsewhere. Nothing (nil) where there is no session.
local state = redis.call('HGETALL', KEYS[1])
if #state == 0 then return nil end
local sizes = {}
local clock = tonumber(redis.call('HGET', KEYS[1], 'clock_ms') or '0') or 0
if redis.call('HGET', KEYS[1], 'active') == '1' and clock >= tonumber(ARGV[1]) and clock < tonumber(ARGV[2]) then
  for k = 6, #KEYS do
    local runs = {}
    for i, start in ipairs(redis.call('HKEYS', KEYS[k])) do
      runs[2 * i - 1] = start
      runs[2 * i] = redis.call('HSTRLEN', KEYS[k], start)
    end
    sizes[k - 5] = runs
  end
end
local scheduled = {}
local due = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
for i = 1, #due, 2 do
  local number = string.match(due[i], '^0*(%d+)$') -- else it is the work of another hand
  local command = number and redis.call('HGET', KEYS[5], '@' .. number)
  if command then
    local at = #scheduled
    scheduled[at + 1], scheduled[at + 2], scheduled[at + 3] = due[i + 1], '@' .. number, command
  end
end
return {state, redis.call('SMEMBERS', KEYS[2]), redis.call('HGETALL', KEYS[3]), sizes, scheduled}
