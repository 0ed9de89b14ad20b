-- Reads what a summary of the session needs in one step: state, holds, symbols and the size of each run.
-- KEYS: 1 state  2 holds  3 symbols  4... bars keys that the caller wants sized
-- Returns {state as a flat list, holds, symbols as a flat list, {{start, bytes, ...} per bars key}}. The sizes are
-- left out while the session is inactive. Nothing (nil) where there is no session.
local state = redis.call('HGETALL', KEYS[1])
if #state == 0 then return nil end
local sizes = {}
if redis.call('HGET', KEYS[1], 'active') == '1' then
  for k = 4, #KEYS do
    local runs = {}
    for i, start in ipairs(redis.call('HKEYS', KEYS[k])) do
      runs[2 * i - 1] = start
      runs[2 * i] = redis.call('HSTRLEN', KEYS[k], start)
    end
    sizes[k - 3] = runs
  end
end
return {state, redis.call('SMEMBERS', KEYS[2]), redis.call('HGETALL', KEYS[3]), sizes}
