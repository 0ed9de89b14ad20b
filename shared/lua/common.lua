-- What several scripts need; stands before them.

-- Refused unless the caller holds the lease of its role. A token is raised whenever a lease changes hands.
local function fenced(state, role, token)
  return redis.call('HGET', state, role .. '_token') ~= token
end

-- Times are doubles in Lua: %.0f writes them whole.
local function whole(number)
  return string.format('%.0f', number)
end

local function wall_ms()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- 'running' and 'paused' follow the holds; other states stay.
local function settle_status(state, holds)
  local status = redis.call('HGET', state, 'status')
  if status == 'running' or status == 'paused' then
    redis.call('HSET', state, 'status', redis.call('SCARD', holds) > 0 and 'paused' or 'running')
  end
end

-- Emits an event at the present clock. `fields` is a flat list that begins with 'type'. Returns its id.
local function emit(state, notifications, fields)
  local id = redis.call('HGET', state, 'clock_ms') .. '-' .. redis.call('HINCRBY', state, 'events', 1)
  redis.call('XADD', notifications, id, unpack(fields))
  redis.call('HSET', state, 'noted', id)
  return id
end

local REPLIES_KEPT = 10000

-- Answers the command at `entry`: the reply, the position in the commands stream, the journal. `reply` is a flat
-- list of fields, `done` a flat list for the journal (empty: nothing was done).
local function answer(state, replies, answered, journal, entry, id, reply, done)
  local reply_entry = redis.call('XADD', replies, '*', unpack(reply))
  redis.call('HSETNX', answered, id, reply_entry)
  if redis.call('XLEN', replies) > REPLIES_KEPT then
    local oldest = redis.call('XRANGE', replies, '-', '+', 'COUNT', 1)[1]
    for i = 1, #oldest[2], 2 do
      if oldest[2][i] == 'id' and redis.call('HGET', answered, oldest[2][i + 1]) == oldest[1] then
        redis.call('HDEL', answered, oldest[2][i + 1])
      end
    end
    redis.call('XDEL', replies, oldest[1])
  end
  if #done > 0 then
    redis.call('XADD', journal, '*', 'clock_ms', redis.call('HGET', state, 'clock_ms') or '0', unpack(done))
  end
  redis.call('HSET', state, 'commands_at', entry)
end
