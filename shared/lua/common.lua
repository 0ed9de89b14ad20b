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

-- Says which trading days open now: `count` pairs of calendar and date stand in `list` from `at` on.
local function emit_days(state, notifications, list, at, count)
  for n = 0, count - 1 do
    emit(state, notifications, {'type', 'day-opened', 'calendar', list[at + 2 * n], 'date', list[at + 2 * n + 1]})
  end
end

local REPLIES_KEPT = 10000

-- Writes into the journal what was done at the present clock, and the run hash after it. `done` is a flat list.
local function note(state, journal, done)
  local now = redis.call('HMGET', state, 'clock_ms', 'run_hash')
  redis.call('XADD', journal, '*', 'clock_ms', now[1] or '0', 'run_hash', now[2] or '', unpack(done))
end

-- A command that waits for its market time is known by a number, such as '@1', and not by its entry in the stream.
local function is_scheduled(entry)
  return string.sub(entry, 1, 1) == '@'
end

-- Lets a command wait for its market time. Returns its number.
local function schedule(state, due, waiting, at, command)
  local number = '@' .. redis.call('HINCRBY', state, 'scheduled', 1)
  redis.call('ZADD', due, at, string.format('%012d', tonumber(string.sub(number, 2))))
  redis.call('HSET', waiting, number, command)
  return number
end

-- Forgets a command that has waited for its market time.
local function unschedule(due, waiting, number)
  redis.call('ZREM', due, string.format('%012d', tonumber(string.sub(number, 2))))
  redis.call('HDEL', waiting, number)
end

-- Whether the command at `entry` has been carried out.
local function is_done(state, waiting, entry)
  if is_scheduled(entry) then return redis.call('HEXISTS', waiting, entry) == 0 end
  return redis.call('HGET', state, 'commands_at') == entry
end

-- The fields of the reply that a command with this id was given before, as a flat list, or nil.
local function first_reply(replies, answered, entry, id)
  local first = not is_scheduled(entry) and redis.call('HGET', answered, id)
  local found = first and redis.call('XRANGE', replies, first, first)[1]
  return found and found[2]
end

-- Answers the command at `entry`: the reply, the position in the commands stream, the journal. `reply` is a flat
-- list of fields, `done` a flat list for the journal (empty: nothing was done). The id of a command that had waited
-- for its time was answered before, when it was scheduled: from now on it is known by this answer.
local function answer(state, replies, answered, journal, due, waiting, entry, id, reply, done)
  local reply_entry = redis.call('XADD', replies, '*', unpack(reply))
  redis.call(is_scheduled(entry) and 'HSET' or 'HSETNX', answered, id, reply_entry)
  if redis.call('XLEN', replies) > REPLIES_KEPT then
    local oldest = redis.call('XRANGE', replies, '-', '+', 'COUNT', 1)[1]
    for i = 1, #oldest[2], 2 do
      if oldest[2][i] == 'id' and redis.call('HGET', answered, oldest[2][i + 1]) == oldest[1] then
        redis.call('HDEL', answered, oldest[2][i + 1])
      end
    end
    redis.call('XDEL', replies, oldest[1])
  end
  if #done > 0 then note(state, journal, done) end
  if is_scheduled(entry) then
    unschedule(due, waiting, entry)
  else
    redis.call('HSET', state, 'commands_at', entry)
  end
end
