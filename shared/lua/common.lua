-- What several scripts need; stands before them.

-- Refused unless the caller holds the lease of its role. A token is raised whenever a lease changes hands.
local function fenced(state, role, token)
  return redis.call('HGET', state, role .. '_token') ~= token
end

-- A script does not roll back, so what another hand may have done to a key is looked for before the first write. What
-- is found is said as an error that begins with MALFORMED; clients know it by that.
local function malformed(text)
  error({err = 'MALFORMED ' .. text})
end

-- Refuses a key that is there and of another type.
local function expect_type(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then malformed(key .. ' is a ' .. found .. ', not a ' .. kind) end
end

-- Refuses the first keys of the script unless they are of these types, or not there.
local function expect(kinds)
  for k, kind in ipairs(kinds) do expect_type(KEYS[k], kind) end
end

-- The whole number in a field of a hash, 0 where there is none. Refuses what is no number.
local function number_in(key, field)
  local found = redis.call('HGET', key, field) or '0'
  if #found > 15 or not string.match(found, '^%d+$') then
    malformed(key .. ' has ' .. string.format('%q', string.sub(found, 1, 40)) .. ' as ' .. field .. ', which is no number')
  end
  return tonumber(found)
end

-- The id of an entry in a field of a hash, nil where there is none. Refuses what is no id.
local function entry_in(key, field)
  local found = redis.call('HGET', key, field)
  if found and (#found > 41 or not string.match(found, '^%d+%-%d+$')) then
    malformed(key .. ' has ' .. string.format('%q', string.sub(found, 1, 40)) .. ' as ' .. field .. ', which is no entry id')
  end
  return found or nil
end

-- Times are doubles in Lua. How they are written whole: %.0f can do it anywhere, and %d faster where a long has 64 bits.
local WHOLE = string.format('%d', 2 ^ 52) == '4503599627370496' and '%d' or '%.0f'

local function whole(number)
  return string.format(WHOLE, number)
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

-- The last id that a stream has given out, '0-0' where there is none.
local function newest(stream)
  if redis.call('EXISTS', stream) == 0 then return '0-0' end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

local NODE = 256

-- Lets a stream go on after its entry `last`, though another hand had used a later id. Nothing may stand behind that entry.
local function set_back(stream, last)
  -- What was deleted leaves a gap in its node, and Redis counts on the order of the ids in there: the entries of the last
  -- node (of 100, unless the server is told otherwise) are written anew.
  local tail = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', NODE)
  for _, entry in ipairs(tail) do redis.call('XDEL', stream, entry[1]) end
  local before = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if before then
    -- Redis refuses an id before one that was deleted, unless it is told to forget about that one.
    redis.call('XSETID', stream, newest(stream), 'ENTRIESADDED', redis.call('XLEN', stream), 'MAXDELETEDID', '0-1')
    redis.call('XSETID', stream, before[1])
  else
    redis.call('DEL', stream)
  end
  for at = #tail, 1, -1 do redis.call('XADD', stream, tail[at][1], unpack(tail[at][2])) end
  if last ~= '0-0' and newest(stream) ~= last then -- its entry was trimmed
    redis.call('XADD', stream, last, 'last', '')
    redis.call('XDEL', stream, last)
  end
end

-- Counts entries that were taken out.
local function skip(state, count)
  if count > 0 then redis.call('HSET', state, 'skipped', whole(number_in(state, 'skipped') + count)) end
end

-- Takes out what another hand has put behind our last entry of a stream that nobody else writes. Returns how many.
local function disown(state, stream, last)
  local count = 0
  number_in(state, 'skipped')
  repeat
    local foreign = redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 10)
    for _, entry in ipairs(foreign) do count = count + redis.call('XDEL', stream, entry[1]) end
  until #foreign == 0
  set_back(stream, last)
  skip(state, count)
  return count
end

-- Takes out what another hand has put behind our last entry, if there is anything. Nothing can come there after that
-- as long as the script runs.
local function clear_behind(state, stream, last)
  if redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1)[1] then disown(state, stream, last) end
end

-- Appends an entry behind our last one, behind which nothing stands. Its fields follow.
local function append_next(state, stream, last, id, ...)
  local done = redis.pcall('XADD', stream, id, ...)
  if type(done) == 'table' then
    if not string.find(done.err, 'equal or smaller', 1, true) and not string.find(done.err, 'exhausted', 1, true) then
      error(done)
    end
    -- An id was used by an entry that has gone.
    disown(state, stream, last)
    redis.call('XADD', stream, id, ...)
  end
end

-- Appends an entry behind our last one, whatever another hand has put there.
local function append(state, stream, last, id, fields)
  clear_behind(state, stream, last)
  append_next(state, stream, last, id, unpack(fields))
end

local LAST_ID = '18446744073709551615-18446744073709551615'

-- Appends an entry with the server's time as its id. Returns that. Another hand may have used up all ids.
local function add(stream, fields)
  local done = redis.pcall('XADD', stream, '*', unpack(fields))
  if type(done) ~= 'table' then return done end
  if not string.find(done.err, 'exhausted', 1, true) then error(done) end
  redis.call('XDEL', stream, LAST_ID)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  set_back(stream, last and last[1] or '0-0')
  return redis.call('XADD', stream, '*', unpack(fields))
end

-- Refuses a state at whose clock nothing can be emitted.
local function check_emit(state)
  if number_in(state, 'clock_ms') == 0 then malformed(state .. ' has no clock_ms') end
  number_in(state, 'events')
  number_in(state, 'skipped')
  entry_in(state, 'noted')
end

-- Emits an event at the present clock. `fields` is a flat list that begins with 'type'. Returns its id.
local function emit(state, notifications, fields)
  local now = redis.call('HMGET', state, 'clock_ms', 'events', 'noted')
  local number = whole(tonumber(now[2] or '0') + 1)
  local id = now[1] .. '-' .. number
  append(state, notifications, now[3] or '0-0', id, fields)
  redis.call('HSET', state, 'noted', id, 'events', number)
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
  add(journal, {'clock_ms', now[1] or '0', 'run_hash', now[2] or '', unpack(done)})
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
  local reply_entry = add(replies, reply)
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
